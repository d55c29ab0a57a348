"""Any octets give a typed result, never another exception, and never more memory than a PDU may take.

The examples come from hypothesis under the run's seed: a hundred of each in the short set, thousands in the others.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from ghasi.contracts.commands import Refused, SmsDispatchCommand, decode_command
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.submission import AskRequest, SubmitRequest, decode_request
from ghasi.correlations.types import ReceiptFacts
from ghasi.smpp.codec import HEADER, decode_pdu, encode_pdu
from ghasi.smpp.constants import MessageState
from ghasi.smpp.errors import SmppError
from ghasi.smpp.framing import DEFAULT_MAX_LENGTH
from ghasi.smpp.pdu import BindTransceiver, BindTransceiverResp, DeliverSm, Pdu, SubmitSm
from ghasi.smpp.receipt import parse_receipt
from ghasi.smpp.session import Role, Session, SessionConfig
from ghasi.smpp.tlv import Tlv, decode_tlvs
from tests.faults import figures
from tests.faults.seed import SEED, SET, rng
from tests.unit.smpp.strategies import ANY_PDU
from tests.unit.smpp.test_session_machine import Joined
from workers.receipt_reading import Late, RawReceipt, read

EXAMPLES = {"short": 100, "full": 3_000, "long": 30_000}[SET]
MACHINES = {"short": 20, "full": 1_000, "long": 10_000}[SET]
OPERATOR = "550e8400-e29b-41d4-a716-446655440077"
NOW = datetime(2026, 5, 4, 8, 15, tzinfo=UTC)
HELD_AT_MOST = 4 * DEFAULT_MAX_LENGTH

OCTETS = st.binary(max_size=300)
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=20)


@st.composite
def spoilt(draw: Any) -> bytes:
    """PDUs back to back, with octets changed, left out and put in: close enough to the truth to get far."""
    octets = bytearray(b"".join(encode_pdu(pdu) for pdu in draw(st.lists(ANY_PDU, min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(octets) - 1)) if octets else 0
        change = draw(st.sampled_from(["set", "drop", "put", "cut"]))
        if change == "set" and octets:
            octets[place] = draw(st.integers(0, 255))
        elif change == "drop":
            del octets[place : place + draw(st.integers(1, 8))]
        elif change == "put":
            octets[place:place] = draw(st.binary(min_size=1, max_size=8))
        else:
            del octets[place:]
    return bytes(octets)


ANYTHING = OCTETS | spoilt()


def fuzz(name: str, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Runs a check over the set's number of examples, and writes down how many there were."""
    ran = 0

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(example: Any) -> None:
        nonlocal ran
        ran += 1
        check(example)

    run()
    assert ran > 0
    figures.write([figures.Figures(f"fuzz: {name}", runs=ran, test=figures.this_test())])


@pytest.mark.timeout(3600)
def test_pdus() -> None:
    def check(octets: bytes) -> None:
        try:
            assert isinstance(decode_pdu(octets), Pdu)
        except SmppError:
            pass

    fuzz("PDUs", ANYTHING, check)


@pytest.mark.timeout(3600)
def test_tlvs() -> None:
    def check(octets: bytes) -> None:
        tlvs, whole = decode_tlvs(octets, 0)
        assert isinstance(whole, bool)
        assert all(isinstance(tlv, Tlv) for tlv in tlvs)
        assert sum(4 + len(tlv.value) for tlv in tlvs) <= len(octets)

    fuzz("TLVs", ANYTHING, check)


RECEIPT_WORDS = st.sampled_from(
    [
        "id:",
        "stat:",
        "err:",
        "sub:",
        "dlvrd:",
        "submit date:",
        "done date:",
        "text:",
        " ",
        "DELIVRD",
        "4711",
        "\0",
        "é",
        ",",
    ]
)
RECEIPT_TEXTS = st.lists(RECEIPT_WORDS | st.text(max_size=12), max_size=25).map(
    lambda words: "".join(words).encode("utf-8", "replace")[:254]
)


@pytest.mark.timeout(3600)
def test_receipts() -> None:
    def check(example: tuple[bytes, int, int]) -> None:
        body, esm_class, data_coding = example
        pdu = DeliverSm(esm_class=esm_class, data_coding=data_coding, short_message=body)
        receipt = parse_receipt(pdu)
        assert receipt.message_state is None or isinstance(receipt.message_state, MessageState)
        found = read(RawReceipt(OPERATOR, 1, encode_pdu(pdu), NOW), SendRules())
        assert isinstance(found, ReceiptFacts)

    octet = st.integers(0, 255)
    fuzz("receipts", st.tuples(RECEIPT_TEXTS | st.binary(max_size=254), octet, octet), check)


@pytest.mark.timeout(3600)
def test_what_stands_in_the_receipts_stream() -> None:
    def check(example: tuple[bytes, str]) -> None:
        octets, kind = example
        assert isinstance(read(RawReceipt(OPERATOR, 1, octets, NOW, kind), SendRules()), ReceiptFacts | Late)

    fuzz("messages of SMPP_RECEIPTS", st.tuples(ANYTHING, st.sampled_from(["", "response", "?"])), check)


@pytest.mark.timeout(3600)
def test_commands_and_requests() -> None:
    def check(octets: bytes) -> None:
        try:
            assert isinstance(
                decode_command(octets, operator_id=OPERATOR, now=NOW, retention_days=30), SmsDispatchCommand
            )
        except Refused:
            pass
        try:
            assert isinstance(decode_request(octets), SubmitRequest | AskRequest)
        except msgspec.DecodeError:
            pass

    json = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
    names = st.sampled_from([field.encode_name for field in msgspec.structs.fields(SmsDispatchCommand)])
    commands = st.dictionaries(names, json, max_size=14).map(msgspec.json.encode)
    fuzz("commands", OCTETS | commands, check)


def traffic(role: Role) -> Session:
    """A bound session with requests in flight."""
    session = Session(SessionConfig(role=role, window_size=10), now=0.0)
    if role is Role.ESME:
        session.send(BindTransceiver(system_id="a", password="b"), now=0.0)
        session.receive_data(encode_pdu(BindTransceiverResp(sequence_number=1, system_id="c")), now=0.0)
    else:
        session.receive_data(encode_pdu(BindTransceiver(sequence_number=1, system_id="a", password="b")), now=0.0)
        (asked,) = [event.request for event in session.events() if hasattr(event, "request")]
        session.respond(asked, now=0.0)
    assert session.is_bound
    for number in range(5):
        session.send(SubmitSm(short_message=b"x") if role is Role.ESME else DeliverSm(), now=0.0, context=number)
    session.events()
    session.data_to_send()
    return session


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", list(Role))
def test_a_session_takes_anything_from_its_peer(role: Role) -> None:
    """Whatever comes, in whatever pieces: each request in flight ends exactly once, and nothing is raised."""

    def check(example: tuple[list[bytes], list[int]]) -> None:
        messages, cuts = example
        session, ended = traffic(role), []
        octets, now = b"".join(messages), 0.0
        for cut in cuts * (len(octets) // sum(cuts) + 1):
            piece, octets = octets[:cut], octets[cut:]
            session.receive_data(piece, now=now)
            now += 0.1
            session.handle_timer(now=now)
            ended += [event.context for event in session.events() if _ends(event)]
            session.data_to_send()
        session.connection_lost(now=now)
        ended += [event.context for event in session.events() if _ends(event)]
        assert sorted(ended) == list(range(5))

    pieces = st.tuples(st.lists(ANYTHING, max_size=4), CUTS)
    fuzz(f"session core as {role.value}", pieces, check)


def _ends(event: object) -> bool:
    return type(event).__name__ in ("Answered", "RequestExpired", "RequestLost")


def test_a_flood_of_octets_is_not_kept() -> None:
    """Megabytes of noise after a sound start, a PDU that announces more than may be, well-framed PDUs of unknown
    commands, responses nobody waits for: memory stays where it is."""
    draw = rng("flood")
    noise = [draw.randbytes(64 * 1024) for _ in range(8)]
    half = encode_pdu(DeliverSm(sequence_number=9))[:40]
    strange = [
        b"".join(_framed(draw, command_id) for _ in range(200)) for command_id in (0x99, 0x80000004, 0x80000099)
    ]
    floods = [noise, [half, *noise], [b"\x00\x01\x17\x70\x00\x00\x00\x05", *noise], *([one] for one in strange)]
    for pieces in floods:
        assert _grown(traffic(Role.ESME), pieces) < HELD_AT_MOST
    figures.write([figures.Figures("fuzz: flood", runs=len(floods), test=figures.this_test())])


def _framed(draw: random.Random, command_id: int) -> bytes:
    body = draw.randbytes(draw.randint(0, 300))
    return HEADER.pack(16 + len(body), command_id, 0, draw.randint(1000, 0x7FFFFFFF)) + body


def _grown(session: Session, pieces: list[bytes]) -> int:
    """Octets that a session holds after all of that, many times over, beyond what it held before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(128):
            session.receive_data(pieces[number % len(pieces)], now=0.0)
            session.events()
            session.data_to_send()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(3600)
def test_two_sessions_joined() -> None:
    """The state machine of the session core (tests/unit/smpp), with the budget of the set."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        seed(SEED)(Joined),
        settings=settings(
            max_examples=MACHINES,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    figures.write([figures.Figures("fuzz: two sessions joined", runs=MACHINES, test=figures.this_test())])
