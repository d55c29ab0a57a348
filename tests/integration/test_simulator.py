"""The simulator over real sockets: what an ESME sees of each fault, and what the log says of it."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import smpplib.client
import smpplib.consts
import trustme
import yaml

from ghasi.simulator.config import loads
from ghasi.simulator.runner import Simulator
from ghasi.smpp.constants import ESM_INTERMEDIATE, CommandStatus
from ghasi.smpp.events import (
    Answered,
    BindRefused,
    Bound,
    Closed,
    LateResponse,
    LinkDead,
    ProtocolFault,
    RequestExpired,
    RequestLost,
    UnbindReceived,
    Unbound,
    UnexpectedResponse,
)
from ghasi.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DeliverSm,
    GenericNack,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SubmitMulti,
    SubmitSmResp,
)
from ghasi.smpp.receipt import parse_receipt
from ghasi.smpp.states import SessionState
from ghasi.smpp.tlv import Tag, Tlv, find
from tests.support.esme import Esme, esme, submit

ID = "550e8400-e29b-41d4-a716-446655440001"
TX = BindTransmitter(system_id="test", password="secret")
RX = BindReceiver(system_id="test", password="secret")
TO = "93700000001"


class Running:
    """One simulated operator and its log."""

    def __init__(self, simulator: Simulator, log: Path) -> None:
        self.simulator = simulator
        self.port = simulator.smscs[0].port
        self._log = log / f"{ID}.jsonl"

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        self.simulator.smscs[0].flush_log()
        found = [msgspec.json.decode(line) for line in self._log.read_bytes().splitlines()]
        return [line for line in found if event in (None, line["event"])]

    async def line(self, event: str, count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while len(self.lines(event)) < count:
                await asyncio.sleep(0.02)
        return self.lines(event)[count - 1]


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def running(tmp_path: Path) -> Start:
    @asynccontextmanager
    async def start(*rules: dict[str, Any], seed: int = 1, **keys: Any) -> AsyncIterator[Running]:
        operator = {"id": ID, "name": "Test-AF", "systemId": "test", "password": "secret", "rules": list(rules)}
        operator |= {"receipts": {"delay": 0.02}} | keys
        scenario = loads(yaml.safe_dump({"seed": seed, "operators": [operator]}), folder=tmp_path)
        async with Simulator(scenario, log=tmp_path) as simulator:
            yield Running(simulator, tmp_path)

    return start


# -- the good day


async def test_submit_and_receipt(running: Start) -> None:
    async with running(ids={"response": "hex", "receipt": "decimal"}) as smsc, esme(smsc.port) as client:
        bound = await client.event(Bound)
        assert (bound.mode, bound.peer_version) == (SessionState.BOUND_TRX, 0x34)
        response = await client.submit(TO)
        assert isinstance(response, SubmitSmResp)
        (pdu,) = await client.received()
        receipt = parse_receipt(pdu)
        assert int(response.message_id, 16) == int(receipt.ids[0])
        assert (receipt.state, receipt.error, receipt.text) == ("DELIVERED", "000", "hello")
        await smsc.line("deliver_resp")
        (line,) = smsc.lines("submit")
        assert line["message_id"] == response.message_id
        assert line["receipt_id"] == receipt.ids[0]
        assert (line["seq"], line["bind"], line["command_status"]) == (response.sequence_number, 1, 0)
        assert (line["destination_addr"], bytes.fromhex(line["short_message"])) == (TO, b"hello")
        sent, answered = smsc.lines("receipt")[0], smsc.lines("deliver_resp")[0]
        assert sent["message_id"] == answered["message_id"] == response.message_id
        assert line["mono"] < sent["mono"] < answered["mono"]


async def test_a_foreign_esme_is_served(running: Start) -> None:
    """smpplib's client binds, submits and receives."""
    async with running(receipts={"delay": 0.1}) as smsc:
        got = await asyncio.to_thread(foreign_session, smsc.port)
        assert got["status"] == 0
        line = await smsc.line("unbind")
        assert line["by"] == "esme"
        assert smsc.lines("submit")[0]["message_id"] == got["message_id"]
        assert got["receipt"].startswith(f"id:{got['message_id']} sub:001 ".encode())


def foreign_session(port: int) -> dict[str, Any]:
    got: dict[str, Any] = {}
    client = smpplib.client.Client("127.0.0.1", port, timeout=60, allow_unknown_opt_params=True)
    client.set_message_sent_handler(
        lambda pdu: got.update(status=pdu.status, message_id=pdu.message_id.decode()) and None
    )
    client.set_message_received_handler(lambda pdu: got.update(receipt=pdu.short_message) and None)
    client.connect()
    try:
        client.bind_transceiver(system_id="test", password="secret")
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="GHASI",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=TO,
            short_message=b"hello",
            registered_delivery=True,
        )
        while "receipt" not in got:
            client.read_once()
        client.unbind()
    finally:
        client.disconnect()
    return got


async def test_transmitter_and_receiver(running: Start) -> None:
    """Receipts go to the session that can receive; the transceiver is refused where it is not offered."""
    async with running(accepts=["TX", "RX"]) as smsc:
        async with esme(smsc.port) as client:
            assert (await client.event(BindRefused)).command_status == CommandStatus.ESME_RINVCMDID
        async with esme(smsc.port, bind=TX) as tx, esme(smsc.port, bind=RX) as rx:
            await tx.event(Bound)
            await rx.event(Bound)
            await tx.submit(TO)
            await rx.received()
            assert tx.receipts == []


async def test_receipts_are_spread_over_the_sessions(running: Start) -> None:
    async with running() as smsc, esme(smsc.port) as one, esme(smsc.port) as two:
        await one.event(Bound)
        await two.event(Bound)
        for _ in range(10):
            await one.submit(TO)
        await one.received(5)
        await two.received(5)


async def test_receipts_to_the_same_session_where_wanted(running: Start) -> None:
    receipts = {"delay": 0.01, "route": "same"}
    async with running(receipts=receipts) as smsc, esme(smsc.port) as one, esme(smsc.port) as two:
        await one.event(Bound)
        await two.event(Bound)
        for _ in range(6):
            await two.submit(TO)
        await two.received(6)
        assert one.receipts == []


async def test_credentials_and_limit(running: Start) -> None:
    wrong = [
        (BindTransceiver(system_id="nobody", password="secret"), CommandStatus.ESME_RINVSYSID),
        (BindTransceiver(system_id="test", password="wrong"), CommandStatus.ESME_RINVPASWD),
    ]
    async with running(bindLimit=1) as smsc:
        for bind, status in wrong:
            async with esme(smsc.port, bind=bind) as client:
                assert (await client.event(BindRefused)).command_status == status
        async with esme(smsc.port) as client:
            await client.event(Bound)
            async with esme(smsc.port) as second:
                assert (await second.event(BindRefused)).command_status == CommandStatus.ESME_RALYBND
        assert all("secret" not in json.dumps(line) for line in smsc.lines())


async def test_a_cut_session_is_believed_alive_for_a_while(running: Start) -> None:
    async with running(bindLimit=1, ghostSeconds=0.3) as smsc:
        async with esme(smsc.port) as client:
            await client.event(Bound)
        await smsc.line("closed")
        taken = False
        while not taken:
            async with esme(smsc.port) as again:
                await again.until(lambda again=again: again.of(Bound) + again.of(BindRefused))
                taken = bool(again.of(Bound))
                assert all(one.command_status == CommandStatus.ESME_RALYBND for one in again.of(BindRefused))
        cut, *binds = smsc.lines("closed")[:1] + smsc.lines("bind")[1:]
        assert [line["accepted"] for line in binds] == [line["mono"] - cut["mono"] >= 0.3 for line in binds]


async def test_what_a_plain_smsc_refuses(running: Start) -> None:
    async with running() as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        assert (await client.submit("9370LETTER")).command_status == CommandStatus.ESME_RINVDSTADR
        twice = await client.submit(TO, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x"),))
        assert twice.command_status == CommandStatus.ESME_RINVMSGLEN
        assert (await client.submit("+" + TO)).command_status == 0


async def test_registered_delivery_decides(running: Start) -> None:
    rule = {"to": "*027", "receipt": {"stat": "UNDELIV", "err": "027"}}
    async with running(rule) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        for to, wanted in ((TO, 0), (TO, 2), ("93700000027", 3), ("93700000027", 2), (TO, 3), (TO, 1)):
            await client.submit(to, registered_delivery=wanted)
        got = [parse_receipt(pdu).state for pdu in await client.received(3)]
        assert sorted(str(state) for state in got) == ["DELIVERED", "DELIVERED", "UNDELIVERABLE"]
        await smsc.line("deliver_resp", 3)
        assert len(smsc.lines("receipt")) == 3


async def test_receipts_of_some_parts_and_ids_of_the_first_only(running: Start) -> None:
    keys = {"ids": {"laterParts": "empty"}, "receipts": {"delay": 0.01, "parts": "last"}}
    async with running(**keys) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        ids = []
        for number in (1, 2, 3):
            udh = bytes((5, 0, 3, 7, 3, number))
            response = await client.submit(TO, esm_class=0x40, short_message=udh + b"part")
            ids.append(response.message_id)  # type: ignore[attr-defined]
        assert [bool(each) for each in ids] == [True, False, False]
        await smsc.line("deliver_resp")
        assert [line["part"] for line in smsc.lines("submit")] == [1, 2, 3]
        assert [line["message_id"] for line in smsc.lines("receipt")] == [smsc.lines("submit")[2]["receipt_id"]]


async def test_data_sm_query_cancel_and_the_rest(running: Start) -> None:
    async with running(receipts={"delay": 0.4}) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        payload = (Tlv(Tag.MESSAGE_PAYLOAD, b"hello"),)
        one = await client.ask(DataSm(source_addr="G", destination_addr=TO, registered_delivery=1, tlvs=payload))
        two = await client.ask(submit(TO, source_addr="G"))
        ids = [one.message_id, two.message_id]  # type: ignore[attr-defined]
        early = await client.ask(QuerySm(message_id=ids[0], source_addr="G"))
        assert isinstance(early, QuerySmResp)
        assert (early.message_state, early.final_date) == (1, "")
        assert (await client.ask(CancelSm(message_id=ids[1], source_addr="G"))).command_status == 0
        states = {parse_receipt(pdu).ids[0]: parse_receipt(pdu).state for pdu in await client.received(2)}
        assert states == {ids[0]: "DELIVERED", ids[1]: "DELETED"}
        late = await client.ask(QuerySm(message_id=ids[0], source_addr="G"))
        assert isinstance(late, QuerySmResp)
        assert (late.message_state, len(late.final_date)) == (2, 16)
        refused: list[tuple[Pdu, int]] = [
            (CancelSm(message_id=ids[0]), CommandStatus.ESME_RCANCELFAIL),
            (CancelSm(message_id="none"), CommandStatus.ESME_RINVMSGID),
            (QuerySm(message_id="none"), CommandStatus.ESME_RQUERYFAIL),
            (ReplaceSm(message_id=ids[0]), CommandStatus.ESME_RREPLACEFAIL),
            (SubmitMulti(), CommandStatus.ESME_RINVCMDID),
        ]
        for pdu, status in refused:
            assert (await client.ask(pdu)).command_status == status


async def test_the_same_seed_gives_the_same_day(running: Start) -> None:
    async def day(seed: int) -> list[tuple[str, int]]:
        rule = {"probability": 0.5, "status": "ESME_RSYSERR"}
        async with running(rule, seed=seed) as smsc, esme(smsc.port, window_size=50) as client:
            await client.event(Bound)
            answers = [await client.submit(TO) for _ in range(30)]
            return [(each.message_id, each.command_status) for each in answers]  # type: ignore[attr-defined]

    first = await day(7)
    assert first == await day(7) != await day(8)
    assert {status for _, status in first} == {0, 8}


# -- rules on submits


async def test_status_by_destination(running: Start) -> None:
    rule = {"to": "*404", "status": "ESME_RINVDSTADR", "info": "no such subscriber"}
    async with running(rule) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        response = await client.submit("93700000404")
        assert response.command_status == CommandStatus.ESME_RINVDSTADR
        info = find(response.tlvs, Tag.ADDITIONAL_STATUS_INFO_TEXT)
        assert info is not None
        assert info.as_text() == "no such subscriber"
        assert (await client.submit(TO)).command_status == 0
        await client.received()
        assert [line["taken"] for line in smsc.lines("submit")] == [False, True]


async def test_enforced_tps(running: Start) -> None:
    async with running(enforceTps=True, tpsLimit=20) as smsc, esme(smsc.port, window_size=100) as client:
        await client.event(Bound)
        for _ in range(50):
            client.send(submit(TO))
        await client.event(Answered, count=50)
        statuses = [event.response.command_status for event in client.of(Answered)]
        assert statuses == [0] * 20 + [CommandStatus.ESME_RTHROTTLED] * 30
        await asyncio.sleep(1.0)
        assert (await client.submit(TO)).command_status == 0
        line = await smsc.line("worst_second")
        assert line["count"] == 50


async def test_over_rate_as_a_rule(running: Start) -> None:
    rule = {"overRate": 5, "status": "ESME_RTHROTTLED", "times": 3}
    async with running(rule) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        statuses = [(await client.submit(TO)).command_status for _ in range(10)]
        assert statuses == [0] * 5 + [CommandStatus.ESME_RTHROTTLED] * 3 + [0] * 2


async def test_receipt_before_response(running: Start) -> None:
    async with running({"to": TO, "receipt": {"beforeResponse": True}}) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        client.send(submit(TO))
        await client.received()
        assert client.of(Answered) == []
        answered = await client.event(Answered)
        assert parse_receipt(client.receipts[0]).ids[0] == answered.response.message_id  # type: ignore[attr-defined]
        assert [line["event"] for line in smsc.lines() if line["event"] in ("submit", "receipt")] == [
            "submit",
            "receipt",
        ]


async def test_duplicate_enroute_and_odd_receipts(running: Start) -> None:
    rules = (
        {"to": "*1", "receipt": {"copies": 3}},
        {"to": "*2", "receipt": {"enroute": True, "stat": "EXPIRED", "err": "003"}},
        {"to": "*3", "receipt": {"dialect": "messagePayload", "id": "unknown-id"}},
        {"to": "*4", "receipt": "none"},
    )
    async with running(*rules) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        await client.submit("9371")
        copies = await client.received(3)
        assert len({pdu.short_message for pdu in copies}) == 1  # type: ignore[union-attr]
        await client.submit("9372")
        enroute, final = (await client.received(5))[3:]
        assert (enroute.esm_class, parse_receipt(enroute).stat) == (ESM_INTERMEDIATE, "ENROUTE")
        assert (parse_receipt(final).stat, parse_receipt(final).error) == ("EXPIRED", "003")
        await client.submit("9373")
        assert parse_receipt((await client.received(6))[5]).ids[0] == "unknown-id"
        await client.submit("9374")
        await client.submit("9375")
        await client.received(7)
        await asyncio.sleep(0.1)
        assert len(client.receipts) == 7


async def test_slow_and_late_responses(running: Start) -> None:
    async with running({"to": "*1", "delay": 2.0}) as smsc, esme(smsc.port, response_timeout=1.5) as client:
        await client.event(Bound)
        client.send(submit("9371"), context="slow")
        client.send(submit("9372"), context="quick")
        assert (await client.event(Answered)).context == "quick"
        assert (await client.event(RequestExpired)).context == "slow"
        late = await client.event(LateResponse)
        assert (late.context, late.response.command_status) == ("slow", 0)


async def test_answers_that_never_come(running: Start) -> None:
    rules = ({"to": "*1", "answer": "none"}, {"to": "*2", "answer": "none", "taken": False})
    async with running(*rules) as smsc, esme(smsc.port, response_timeout=0.1) as client:
        await client.event(Bound)
        client.send(submit("9371"))
        client.send(submit("9372"))
        await client.event(RequestExpired, count=2)
        (receipt,) = await client.received()
        assert parse_receipt(receipt).ids[0] == smsc.lines("submit")[0]["receipt_id"]
        lines = smsc.lines("submit")
        assert [(line["answer"], line["taken"]) for line in lines] == [("none", True), ("none", False)]


async def test_answers_in_the_wrong_shape(running: Start) -> None:
    rules = (
        {"to": "*1", "answer": "nack", "status": "ESME_RINVCMDID"},
        {"to": "*2", "answer": "wrongCommand"},
        {"to": "*3", "answer": "wrongSequence"},
        {"to": "*4", "answer": "twice"},
        {"to": "*5", "messageId": "fixed"},
        {"to": "*6", "messageId": ""},
    )
    async with running(*rules) as smsc, esme(smsc.port, window_size=20) as client:
        await client.event(Bound)
        nack = await client.submit("9371")
        assert (type(nack), nack.command_status) == (GenericNack, CommandStatus.ESME_RINVCMDID)
        assert (await client.submit("9372")).command_name == "deliver_sm_resp"
        number = client.send(submit("9373"))
        strange = await client.event(UnexpectedResponse)
        assert strange.response.sequence_number == number + 1_000_000
        await client.submit("9374")
        await client.event(UnexpectedResponse, count=2)
        assert (await client.submit("9375")).message_id == "fixed"  # type: ignore[attr-defined]
        assert (await client.submit("9376")).message_id == ""  # type: ignore[attr-defined]


async def test_drop_mid_window(running: Start) -> None:
    """The third of five is taken and not answered, the connection is reset, its receipt comes after a new bind."""
    rule = {"skip": 2, "times": 1, "drop": "unanswered"}
    async with running(rule, receipts={"delay": 0.2}) as smsc:
        async with esme(smsc.port) as client:
            await client.event(Bound)
            burst(client, 5)
            assert "ConnectionReset" in (await client.event(Closed)).reason
            assert len(client.of(Answered)) == 2
            assert len(client.of(RequestLost)) == 3
        lines = smsc.lines("submit")
        assert [line["taken"] for line in lines] == [True, True, True, False, False]
        async with esme(smsc.port) as again:
            await again.event(Bound)
            ids = {parse_receipt(pdu).ids[0] for pdu in await again.received(3)}
            assert ids == {line["receipt_id"] for line in lines[:3]}


def burst(client: Esme, count: int) -> None:
    """Requests in one write."""
    now = asyncio.get_running_loop().time()
    for _ in range(count):
        client.protocol.session.send(submit(TO), now=now)
    client.protocol.pump()


async def test_drop_after_the_answer_with_a_fin(running: Start) -> None:
    async with running({"times": 1, "drop": "answered", "hangup": "close"}) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        assert (await client.submit(TO)).command_status == 0
        assert (await client.event(Closed)).reason == "closed by the peer"


async def test_unbind_mid_window(running: Start) -> None:
    async with running({"skip": 1, "times": 1, "unbind": True}) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        burst(client, 4)
        await client.event(UnbindReceived)
        await client.event(Closed)
        assert len(client.of(Answered)) == 2
        assert len(client.of(RequestLost)) == 2
        assert (await smsc.line("unbind"))["by"] == "smsc"
        assert [line["taken"] for line in smsc.lines("submit")] == [True, True, False, False]


async def test_silence_for_ever_is_a_dead_link(running: Start) -> None:
    timers = {"enquire_link_interval": 0.1, "enquire_link_timeout": 0.2}
    async with running({"silence": "forever"}) as smsc, esme(smsc.port, **timers) as client:
        await client.event(Bound)
        client.send(submit(TO))
        await client.event(LinkDead)
        assert client.of(Answered) == []
        assert len(client.of(RequestLost)) == 1
        await smsc.line("closed")


async def test_silence_that_ends_loses_nothing(running: Start) -> None:
    """The simulator's own enquire_link timers rest in silence, so that it is not the one who hangs up."""
    timers = {"enquireLink": 0.05, "enquireLinkTimeout": 0.1}
    async with running({"times": 1, "silence": 0.5}, timers=timers) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        started = asyncio.get_running_loop().time()
        for _ in range(5):
            client.send(submit(TO))
        await client.event(Answered, count=5)
        assert asyncio.get_running_loop().time() - started >= 0.45
        await client.received(5)
        assert not client.closed


async def test_trickle_and_garbage(running: Start) -> None:
    rules = (
        {"to": "*1", "trickle": {"octets": 3, "delay": 0.001, "seconds": 0.2}},
        {"to": "*2", "garbage": "00000000 00000000"},
    )
    async with running(*rules) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        for _ in range(5):
            assert (await client.submit("9371")).command_status == 0
        await client.received(5)
        client.send(submit("9372"))
        await client.event(ProtocolFault)
        await client.event(Closed)


async def test_a_rule_for_features(running: Start) -> None:
    rule = {"has": "messagePayload", "status": "ESME_ROPTPARNOTALLWD"}
    async with running(rule) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        payload = await client.submit(TO, short_message=b"", tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x"),))
        assert payload.command_status == CommandStatus.ESME_ROPTPARNOTALLWD
        assert (await client.submit(TO)).command_status == 0


# -- rules on binds, connections and the clock


@pytest.mark.parametrize("status", ["ESME_RBINDFAIL", "ESME_RALYBND", 0x0404])
async def test_binds_refused_by_code(running: Start, status: int | str) -> None:
    async with running({"on": "bind", "times": 1, "status": status}) as smsc:
        async with esme(smsc.port) as client:
            refused = await client.event(BindRefused)
            assert refused.command_status == (status if isinstance(status, int) else CommandStatus[status])
        async with esme(smsc.port) as client:
            await client.event(Bound)
        assert [line["accepted"] for line in smsc.lines("bind")] == [False, True]


async def test_a_bind_nack_a_slow_bind_and_a_bind_without_answer(running: Start) -> None:
    rules = (
        {"on": "bind", "times": 1, "answer": "nack", "status": "ESME_RINVCMDID"},
        {"on": "bind", "times": 1, "drop": "unanswered"},
        {"on": "bind", "times": 1, "delay": 0.2},
    )
    async with running(*rules) as smsc:
        async with esme(smsc.port) as client:
            refused = await client.event(BindRefused)
            assert (type(refused.response), refused.command_status) == (GenericNack, 3)
        async with esme(smsc.port) as client:
            await client.event(Closed)
            assert client.of(Bound) == client.of(BindRefused) == []
        async with esme(smsc.port) as client:
            started = asyncio.get_running_loop().time()
            await client.event(Bound)
            assert asyncio.get_running_loop().time() - started >= 0.15


async def test_an_smsc_without_a_version_takes_no_tlvs(running: Start) -> None:
    async with running(interfaceVersion=None) as smsc, esme(smsc.port) as client:
        bound = await client.event(Bound)
        assert (bound.peer_version, bound.takes_tlvs) == (None, False)


async def test_connections_cut_at_once(running: Start) -> None:
    async with running({"on": "connect", "times": 1, "drop": "answered"}) as smsc:
        async with esme(smsc.port) as client:
            await client.event(Closed)
        async with esme(smsc.port) as client:
            await client.event(Bound)


async def test_the_clock_unbinds_and_brings_messages(running: Start) -> None:
    rules = (
        {"on": "clock", "after": 0.2, "times": 1, "mo": {"from": "93701", "to": "4040", "text": "STOP"}},
        {"on": "clock", "after": 0.4, "times": 1, "unbind": True, "systemId": "test"},
    )
    async with running(*rules) as smsc, esme(smsc.port) as client:
        (mo,) = await client.received()
        assert isinstance(mo, DeliverSm)
        assert (mo.source_addr, mo.destination_addr, mo.short_message) == ("93701", "4040", b"STOP")
        assert not parse_receipt(mo).is_receipt
        await client.event(UnbindReceived)


async def test_an_outage_closes_the_port_and_ends(running: Start) -> None:
    async with running(outages=[{"after": 1.0, "until": 2.5}]) as smsc:
        async with esme(smsc.port) as client:
            await client.event(Bound)
            await client.event(Closed)
            with pytest.raises(ConnectionRefusedError):
                await Esme().connect(smsc.port)
        await smsc.line("outage", 2)
        async with esme(smsc.port) as client:
            await client.event(Bound)


async def test_an_outage_lasts_while_a_stranger_has_the_port(running: Start) -> None:
    async with running(outages=[{"after": 0.2, "until": 1.2}]) as smsc:
        port = smsc.port
        await smsc.line("outage")
        with socket.create_server(("127.0.0.1", port)):
            await asyncio.sleep(1.3)
            assert len(smsc.lines("outage")) == 1
        await smsc.line("outage", 2)
        async with esme(port) as client:
            await client.event(Bound)


# -- receipts nobody takes


async def test_a_temporary_error_brings_the_receipt_again(running: Start) -> None:
    receipts = {"delay": 0.02, "retryDelay": 0.05}
    for status in (CommandStatus.ESME_RX_T_APPN, CommandStatus.ESME_RMSGQFUL):
        async with running(receipts=receipts) as smsc, esme(smsc.port) as client:
            await client.event(Bound)
            client.deliver_status = lambda _, c=client, s=status: s if len(c.receipts) < 3 else 0
            await client.submit(TO)
            got = await client.received(3)
            assert len({pdu.short_message for pdu in got}) == 1  # type: ignore[union-attr]
            await asyncio.sleep(0.15)
            assert len(client.receipts) == 3


async def test_a_permanent_error_ends_it(running: Start) -> None:
    async with running(receipts={"delay": 0.02, "retryDelay": 0.02}) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        client.deliver_status = CommandStatus.ESME_RX_P_APPN
        await client.submit(TO)
        await smsc.line("deliver_resp")
        await asyncio.sleep(0.1)
        assert len(client.receipts) == 1


async def test_receipts_are_given_up_after_so_many_tries(running: Start) -> None:
    receipts = {"delay": 0.0, "retryDelay": 0.01, "maxTries": 3}
    async with running(receipts=receipts) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        client.deliver_status = CommandStatus.ESME_RX_T_APPN
        await client.submit(TO)
        assert (await smsc.line("receipt_given_up"))["tries"] == 3
        assert len(client.receipts) == 3


async def test_unanswered_receipts_are_kept_for_the_next_bind(running: Start) -> None:
    async with running(receipts={"delay": 0.02, "window": 2}) as smsc:
        async with esme(smsc.port, window_size=20) as client:
            await client.event(Bound)
            client.deliver_status = None
            for _ in range(5):
                await client.submit(TO)
            await client.received(2)
            await asyncio.sleep(0.1)
            assert len(client.receipts) == 2, "the window holds two"
        await smsc.line("deliver_unanswered", 2)
        async with esme(smsc.port) as again:
            await again.received(5)
            await smsc.line("deliver_resp", 5)
        assert {line["why"] for line in smsc.lines("deliver_unanswered")} == {"lost"}


async def test_an_expired_receipt_goes_again(running: Start) -> None:
    keys = {"receipts": {"delay": 0.0, "window": 1}, "timers": {"response": 0.15}}
    async with running(**keys) as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        client.deliver_status = lambda _: None if len(client.receipts) == 1 else 0
        await client.submit(TO)
        await client.received(2)
        assert (await smsc.line("deliver_unanswered"))["why"] == "expired"


async def test_a_late_answer_is_an_answer(running: Start) -> None:
    """The receipt that waited for a second try is not sent again."""
    keys = {"receipts": {"delay": 0.0, "window": 1}, "timers": {"response": 0.1}}
    async with running(**keys) as smsc, esme(smsc.port, bind=TX) as tx, esme(smsc.port, bind=RX) as rx:
        await rx.event(Bound)
        rx.deliver_status = None
        await tx.submit(TO)
        # The only window place is taken again by the second try; the answer to the first settles both.
        first, second = await rx.received(2)
        now = asyncio.get_running_loop().time()
        rx.protocol.session.respond(first, now=now)
        rx.protocol.pump()
        assert (await smsc.line("deliver_resp_late"))["command_status"] == 0
        rx.protocol.session.respond(second, now=now)
        rx.protocol.pump()
        await smsc.line("deliver_resp")
        await tx.submit(TO)
        third = (await rx.received(3))[2]
        assert parse_receipt(third).ids != parse_receipt(first).ids == parse_receipt(second).ids


async def test_a_receipt_that_no_deliver_sm_can_carry_is_noted(running: Start) -> None:
    async with running() as smsc, esme(smsc.port) as client:
        await client.event(Bound)
        await client.ask(DataSm(source_addr="G", destination_addr="9" * 30, registered_delivery=1))
        assert "source_addr" in (await smsc.line("receipt_unsendable"))["reason"]
        await client.submit(TO)
        await client.received()


async def test_who_does_not_bind_is_sent_away(running: Start) -> None:
    async with running(timers={"bind": 0.1}) as smsc:
        client = Esme()
        await client.connect(smsc.port)
        await client.event(Closed)
        await smsc.line("bind_timeout")


# -- TLS, the end


async def test_tls_with_client_certificates(running: Start, tmp_path: Path) -> None:
    authority = trustme.CA()
    server, known = authority.issue_cert("localhost"), authority.issue_cert("client@example.org")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    known.configure_cert(context)
    context.check_hostname = False
    files = {"cert": "cert.pem", "key": "key.pem", "clientCa": "ca.pem"}
    async with running(tls=files) as smsc, esme(smsc.port, ssl=context, window_size=100) as client:
        await client.event(Bound)
        burst(client, 50)
        await client.event(Answered, count=50)
        await client.received(50)


async def test_stopping_unbinds_everybody_and_completes_the_log(running: Start) -> None:
    async with running() as smsc:
        client = Esme()
        await client.connect(smsc.port)
        client.send(BindTransceiver(system_id="test", password="secret"))
        await client.event(Bound)
        await client.submit(TO)
    await client.event(UnbindReceived)
    await client.event(Closed)
    assert [line["event"] for line in smsc.lines()][-2:] == ["worst_second", "stopped"]
    assert smsc.lines("stopped")[0]["submits"] == 1
    assert client.of(Unbound) == []


async def test_many_thousand_messages_leave_a_log_that_adds_up(running: Start) -> None:
    """5,000 submits over two sessions: ids are unique, every message has one receipt, answered once."""
    async with running(receipts={"delay": [0.0, 0.2], "window": 50}) as smsc:
        async with esme(smsc.port, window_size=100) as one, esme(smsc.port, window_size=100) as two:
            await one.event(Bound)
            await two.event(Bound)
            await asyncio.gather(flood(one, 2500), flood(two, 2500))
            await one.until(lambda: len(one.receipts) + len(two.receipts) == 5000 or None, 60)
            await smsc.line("deliver_resp", 5000)
        submits, receipts = smsc.lines("submit"), smsc.lines("receipt")
        ids = {line["message_id"] for line in submits}
        assert len(ids) == len(submits) == 5000
        assert sorted(line["message_id"] for line in receipts) == sorted(ids)
        assert {line["command_status"] for line in smsc.lines("deliver_resp")} == {0}


async def flood(client: Esme, count: int) -> None:
    for sent in range(count):
        await client.until(lambda: client.protocol.session.window_free)
        client.send(submit(f"9370{sent:07d}"))
    await client.event(Answered, count=count, patience=60)
