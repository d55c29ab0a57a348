"""workers.receipt_usual: where it answers, it answers as workers.receipt_reading does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghasi.contracts.sessions import SendRules
from ghasi.smpp.cause_tables import error_codes
from ghasi.smpp.causes import Cause
from ghasi.smpp.pdu import DataSm, DeliverSm, EnquireLink, encode_pdu
from ghasi.smpp.receipt import IdBase, IdSource, ReceiptRules
from ghasi.smpp.receipt_states import WORDS
from ghasi.smpp.tlv import Tlv
from ghasi.sms.receipt_body import DECODERS, KEEP_ASCII
from workers.receipt_dialect import Dialect
from workers.receipt_reading import RawReceipt, read, read_in, usual_of
from workers.receipt_usual import Usual

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
TAKEN = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
PLAIN = SendRules()
TEXT = "id:0A1B sub:001 dlvrd:001 submit date:2604181029 done date:2604181030 stat:DELIVRD err:000 text:Your code"
ID_TLV, STATE_TLV, REFERENCE_TLV, PAYLOAD_TLV = 0x001E, 0x0427, 0x0204, 0x0424


def frame(text: str = TEXT, **changes: Any) -> bytes:
    given: dict[str, Any] = {"source_addr": "+93701234567", "destination_addr": "GHASI", "esm_class": 0x04}
    return encode_pdu(DeliverSm(**{**given, "short_message": text.encode("latin-1"), **changes}))


def quick(octets: bytes, rules: SendRules = PLAIN) -> object:
    return usual_of(OPERATOR, rules).read(octets, 42, TAKEN)


def slow(octets: bytes, rules: SendRules = PLAIN) -> object:
    return read(RawReceipt(OPERATOR, 42, octets, TAKEN), rules)


@pytest.mark.parametrize(
    "octets",
    [
        frame(),
        frame(TEXT.partition(" text")[0]),
        frame(TEXT.replace(" text", " Text")),
        frame(TEXT.replace("0A1B", "550e8400-e29b-41d4-a716-446655440001")),
        frame(TEXT.replace("2604181030", "000000000000")),
        frame(TEXT.replace("2604181030", "20260418103015")),
        frame(TEXT + " id:9 stat:UNDELIV text: x"),
        frame(TEXT, tlvs=(Tlv.c_string(ID_TLV, "0A1B"), Tlv.integer(STATE_TLV, 2))),
        frame(TEXT, tlvs=(Tlv(ID_TLV, b"0A1B"),)),
    ],
)
def test_the_usual_forms_are_read_without_help(octets: bytes) -> None:
    assert quick(octets) is not None
    assert quick(octets) == slow(octets)


@pytest.mark.parametrize("word", sorted(WORDS))
@pytest.mark.parametrize("rules", [PLAIN, SendRules(unknown_is_final=True)])
def test_every_word_means_the_same(word: str, rules: SendRules) -> None:
    octets = frame(TEXT.replace("DELIVRD", word))
    assert quick(octets, rules) in (slow(octets, rules), None)
    assert (quick(octets, rules) is None) is (len(word) < 5)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        frame()[:40],
        frame() + b"\0",
        frame(esm_class=0x44),
        frame(esm_class=0x20),
        frame(esm_class=0),
        frame(data_coding=8),
        frame(TEXT.replace("id:0A1B", "id:null")),
        frame(TEXT.replace("err:000", "err:null")),
        frame(TEXT.replace("DELIVRD", "PONDERD")),
        frame(TEXT.replace("sub:001 ", "")),
        frame(" " + TEXT),
        frame("", tlvs=(Tlv(PAYLOAD_TLV, TEXT.encode()),)),
        frame(TEXT, tlvs=(Tlv.c_string(ID_TLV, "0A1C"),)),
        frame(TEXT, tlvs=(Tlv.integer(STATE_TLV, 5),)),
        frame(TEXT, tlvs=(Tlv.integer(REFERENCE_TLV, 7),)),
        encode_pdu(EnquireLink()),
        encode_pdu(DataSm(esm_class=0x04, tlvs=(Tlv(PAYLOAD_TLV, TEXT.encode()),))),
    ],
)
def test_anything_else_is_left_to_the_tolerant_reader(octets: bytes) -> None:
    assert quick(octets) is None


words = st.sampled_from([*sorted(WORDS), "PONDERD", "delivrd", "7", ""])
names = st.one_of(
    st.from_regex(r"[0-9A-Za-z-]{0,66}", fullmatch=True), st.sampled_from(["null", "0", "00", "0xAB", "n/a", " 1"])
)
dates = st.one_of(
    st.from_regex(r"[0-9]{9,15}", fullmatch=True),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda one: f"{one:%y%m%d%H%M%S}"),
    st.sampled_from(["", "2604181030", "0000000000", "260418103015004+", "991231235959"]),
)
tails = st.one_of(
    st.just(""),
    st.text(st.characters(max_codepoint=255), max_size=40).map(" text:".__add__),
    st.lists(st.sampled_from(["id:1", "stat:UNDELIV", "err:1", "text:", "sub:001", "done date:2604181030", "x"])).map(
        lambda some: " Text:" + " ".join(some)
    ),
)
tlvs = st.lists(
    st.one_of(
        st.builds(Tlv, st.just(ID_TLV), st.sampled_from([b"0A1B", b"0A1B\0", b"0A1B \0", b"", b"0A1B\0x"])),
        st.builds(Tlv, st.just(STATE_TLV), st.sampled_from([b"\2", b"", b"\2\0", b"\0\2", b"\5", b"\7"])),
        st.builds(Tlv, st.sampled_from([REFERENCE_TLV, 0x0423, 0x1400]), st.binary(max_size=4)),
    ),
    max_size=3,
)
rules = st.builds(
    SendRules,
    id_base=st.sampled_from(["text", "hex", "dec"]),
    dlr_zone=st.sampled_from(["UTC", "Asia/Kabul", "No/Where"]),
    unknown_is_final=st.booleans(),
)


@given(
    name=st.one_of(st.just("0A1B"), names),
    submitted=dates,
    done=dates,
    word=st.one_of(st.just("DELIVRD"), words),
    error=st.sampled_from(["000", "27", "4A6", "null", "", "123456789"]),
    tail=tails,
    parameters=tlvs,
    data_coding=st.sampled_from([0, 0, 3, 8, 0x18, 0xF0]),
    esm_class=st.sampled_from([4, 4, 4, 0, 0x20, 0x24, 0x44]),
    rules=rules,
)
def test_where_it_answers_it_answers_as_the_tolerant_reader(
    name: str,
    submitted: str,
    done: str,
    word: str,
    error: str,
    tail: str,
    parameters: list[Tlv],
    data_coding: int,
    esm_class: int,
    rules: SendRules,
) -> None:
    text = f"id:{name} sub:001 dlvrd:001 submit date:{submitted} done date:{done} stat:{word} err:{error}{tail}"
    octets = frame(text[:255], tlvs=tuple(parameters), data_coding=data_coding, esm_class=esm_class)
    found = quick(octets, rules)
    assert found is None or found == slow(octets, rules)


ERRORS = [
    error_codes(),
    error_codes("gsm"),
    error_codes("gatewayapi"),
    error_codes(causes={"42": Cause.NO_ROUTE, "UNDELIV": Cause.CALL_BARRED, "000": Cause.CANCELLED}),
]
dialects = st.builds(
    Dialect,
    st.builds(
        ReceiptRules,
        zone=st.sampled_from([UTC, ZoneInfo("Asia/Kabul")]),
        unknown_is_final=st.booleans(),
        words=st.dictionaries(st.sampled_from([*sorted(WORDS), "PONDERD"]), st.integers(0, 12), max_size=2),
        keys=st.sampled_from([{}, {}, {"sub": "err"}, {"dlvrd": "id"}, {"reason": "err"}]),
        mark=st.sampled_from([":", ":", "="]),
        columns=st.sampled_from([(), ("id", "stat")]),
        separator=st.sampled_from([",", ":", " "]),
        date_forms=st.lists(st.sampled_from(["unix", "YYMMDDhhmm", "YYYYMMDDhhmm", "DDMMYYhhmmss"]), max_size=2).map(
            tuple
        ),
        decode=st.sampled_from([None, None, DECODERS["ucs2"], DECODERS["gsm7"]]),
        id_source=st.sampled_from(IdSource),
        id_prefix=st.sampled_from(["", "", "0A"]),
        id_cut=st.sampled_from(["", "", "-", "B"]),
        errors=st.sampled_from(ERRORS),
    ),
    st.sampled_from(IdBase),
    st.booleans(),
)


@pytest.mark.parametrize("encoding", sorted(KEEP_ASCII))
def test_what_leaves_ascii_as_it_is_needs_no_help(encoding: str) -> None:
    dialect = Dialect(ReceiptRules(decode=DECODERS[encoding], keeps_ascii=True), IdBase.TEXT, submit_dates=False)
    octets = frame(TEXT + " r\xf8d")
    found = Usual(OPERATOR, dialect.rules, base=dialect.base, submit_dates=False).read(octets, 42, TAKEN)
    assert found is not None
    assert found == read_in(dialect, RawReceipt(OPERATOR, 42, octets, TAKEN))


@settings(max_examples=400)
@given(
    name=st.one_of(st.just("0A1B"), names),
    submitted=dates,
    done=dates,
    word=st.one_of(st.sampled_from(["DELIVRD", "UNDELIV", "UNKNOWN", "ENROUTE"]), words),
    error=st.sampled_from(["000", "042", "27", "126", "4A6", ""]),
    tail=tails,
    parameters=tlvs,
    dialect=dialects,
)
def test_where_it_answers_it_answers_in_every_dialect(
    name: str,
    submitted: str,
    done: str,
    word: str,
    error: str,
    tail: str,
    parameters: list[Tlv],
    dialect: Dialect,
) -> None:
    text = f"id:{name} sub:001 dlvrd:001 submit date:{submitted} done date:{done} stat:{word} err:{error}{tail}"
    octets = frame(text[:255], tlvs=tuple(parameters))
    usual = Usual(OPERATOR, dialect.rules, base=dialect.base, submit_dates=dialect.submit_dates)
    found = usual.read(octets, 42, TAKEN)
    assert found is None or found == read_in(dialect, RawReceipt(OPERATOR, 42, octets, TAKEN))


@pytest.mark.parametrize(
    ("rules", "error", "cause"),
    [
        (ReceiptRules(), "000", None),
        (ReceiptRules(), "27", "UNKNOWN"),
        (ReceiptRules(errors=error_codes("gsm")), "027", "ABSENT_SUBSCRIBER"),
        (ReceiptRules(errors=error_codes("gatewayapi")), "126", "OPERATOR_FAULT"),
    ],
)
def test_causes_need_no_help(rules: ReceiptRules, error: str, cause: str | None) -> None:
    usual = Usual(OPERATOR, rules, base=IdBase.TEXT, submit_dates=False)
    for word, expected in (("UNDELIV", cause), ("DELIVRD", None)):
        facts = usual.read(frame(TEXT.replace("DELIVRD", word).replace("err:000", f"err:{error}")), 42, TAKEN)
        assert facts is not None
        assert facts.cause == expected


@given(octets=st.binary(max_size=120), position=st.integers(0, 160), change=st.binary(max_size=6))
def test_broken_frames_are_read_alike_and_raise_nothing(octets: bytes, position: int, change: bytes) -> None:
    assert quick(octets) is None
    whole = frame()
    broken = whole[:position] + change + whole[position + len(change) :]
    found = quick(broken)
    assert found is None or found == slow(broken)
