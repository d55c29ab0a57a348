"""Every dialect that an SMSC can speak: ways to bind, long modes, receipts, ids (tests/interop/cases.py).

Runs on the simulator, and by `make interop` on SMSCs that are not ours. All cases are played at once; each test looks
at what became of one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from ghasi.devstack.servers import Servers
from ghasi.simulator.dialects import DIALECTS, SECONDS
from ghasi.smpp.constants import CommandStatus
from tests.acceptance.conftest import kinds_of
from tests.interop.cases import DEAF, Case, plan
from tests.interop.messages import text_of
from tests.interop.playing import SECURE, STALLED_BY_TLS, STRANGER, Play, Played, Sent, play
from tests.interop.script import is_greeted
from tests.support.peers import WITH_TLS

pytestmark = pytest.mark.timeout(300)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        wanted = [(kind, case) for kind in kinds_of(metafunc.config) for case in plan(kind)]
        metafunc.parametrize(("smsc_kind", "case"), wanted, ids=[f"{kind}-{case.name}" for kind, case in wanted])


@pytest.fixture(scope="module")
def played_on(
    servers: Servers, django_ready: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Play]:
    """All cases of a kind of SMSC, played when the first of them is asked for."""

    @cache
    def of(kind: str) -> Play:
        folder = tmp_path_factory.mktemp("dialects")
        try:
            return play(servers, folder, kind)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return of


@pytest.fixture
def one(played_on: Callable[[str], Play], smsc_kind: str, case: Case) -> Played:
    return played_on(smsc_kind).played[case.name]


@pytest.fixture
def whole(played_on: Callable[[str], Play], smsc_kind: str) -> Play:
    return played_on(smsc_kind)


def test_a_wrong_password_is_refused_once_and_shown(whole: Play, smsc_kind: str) -> None:
    stranger = whole.guests[STRANGER]
    if smsc_kind == "smpp34":
        # It asks nobody for a password.
        assert stranger.session["state"] == "BOUND"
        return
    assert (stranger.session["state"], stranger.session["reason"]) == ("UNBOUND", "bind refused: ESME_RINVPASWD")
    # No other kind of bind is tried with it, and the next attempt is a minute away.
    assert [(bind["mode"], bind["command_status"]) for bind in stranger.binds] == [
        ("TRX", int(CommandStatus.ESME_RINVPASWD))
    ]


def test_tls_or_no_word_at_all(whole: Play, smsc_kind: str) -> None:
    if smsc_kind in STALLED_BY_TLS:
        assert SECURE not in whole.guests
        return
    secure = whole.guests[SECURE]
    if smsc_kind in WITH_TLS:
        assert secure.session["state"] == "BOUND"
        assert [(bind["mode"], bind["command_status"]) for bind in secure.binds] == [("TRX", 0)]
        return
    assert secure.session["state"] == "UNBOUND"
    assert secure.session["reason"].startswith(("TLS", "no connection"))
    assert secure.binds == []


def test_an_outbind_over_a_session_changes_nothing(whole: Play, smsc_kind: str) -> None:
    """What is checked of every case holds for those whose SMSC sends one."""
    greeted = [played for played in whole.played.values() if is_greeted(played.case)]
    assert len(greeted) > 5
    assert {played.session["state"] for played in greeted} == {"BOUND"}
    assert len(whole.outbinds) == (len(greeted) if smsc_kind in ("node", "perl") else 0)


def test_it_is_bound_as_the_operator_wants_it(one: Played, smsc_kind: str) -> None:
    assert (one.session["state"], one.session["bindMode"]) == ("BOUND", one.case.bound_as)
    seen = [(bind["mode"], bind["command_status"]) for bind in one.binds]
    refused = [("TRX", int(CommandStatus.ESME_RINVCMDID))] if one.case.bind == "fallback" else []
    taken = ["TRX"] if one.case.bind == "trx" else ["TX", "RX"]
    if smsc_kind == "smpp34":
        # This server does not tell the two modes that can receive apart.
        taken = [mode.replace("TRX", "RX").replace("RX", "TRX or RX") for mode in taken]
        # It tells of its binds in the order in which its tasks run.
        seen, taken = sorted(seen), sorted(taken)
    assert seen == refused + [(mode, 0) for mode in taken]


def test_every_text_arrives_and_is_told(one: Played) -> None:
    for sent in one.sent.values():
        assert len(sent.submits) == sent.message.parts
        assert text_of(sent.submits, sent.message, one.case.long) == sent.message.text
        (result,) = sent.results
        assert (result["result"], result["segments"]) == ("ACCEPTED", sent.message.parts)
        assert sorted(result["operatorMessageIds"]) == sorted(submit["message_id"] for submit in sent.submits)


def test_every_receipt_finds_its_part(one: Played) -> None:
    for sent in one.sent.values():
        # In which order two receipts of a part are told is not promised (docs/contract.md §3).
        early = [receipt for receipt in sent.receipts if not receipt["final"]]
        late = [receipt for receipt in sent.receipts if receipt["final"]]
        assert [(each["status"], each["segment"]) for each in early] == [("ACCEPTED", 1)] * sent.message.early
        receipts = sorted(late, key=lambda receipt: receipt["segment"])
        assert [receipt["segment"] for receipt in receipts] == list(range(1, sent.message.parts + 1))
        (result,) = sent.results
        assert [receipt["operatorMessageId"] for receipt in receipts] == result["operatorMessageIds"]
        status = "DELIVERED" if sent.message.delivered else "UNDELIVERABLE"
        for receipt in receipts:
            assert (receipt["status"], receipt["final"], receipt["operatorId"]) == (status, True, one.operator_id)
            assert _error(receipt["smppErrorCode"]) == (0 if sent.message.delivered else 27)
            assert _is_in_time(receipt, sent, one.case)


def test_receipts_come_over_the_session_that_receives_and_our_answers_count(one: Played, smsc_kind: str) -> None:
    for sent in one.sent.values():
        if (smsc_kind, one.case.bind) in DEAF:
            assert sent.answers == []
            continue
        assert [answer["command_status"] for answer in sent.answers] == [0] * sent.message.receipts
        submitted, told = ({line["message_id"] for line in lines} for lines in (sent.submits, sent.answers))
        assert submitted == told
        carried, received = ({line["bind"] for line in lines} for lines in (sent.submits, sent.answers))
        assert len(carried) == len(received) == 1
        assert (carried == received) == (one.case.bind == "trx")


def _error(code: str | None) -> int:
    """However many digits the dialect writes."""
    assert code is not None
    return int(code)


def _is_in_time(receipt: dict[str, Any], sent: Sent, case: Case) -> bool:
    """Between submit and receipt, as exactly as the dialect's dates are. In a wrong zone it would be hours off."""
    if not sent.message.delivered:
        return receipt["deliveredAt"] is None
    form = DIALECTS[case.dialect]
    grain = 60 if form.carrier != "none" and not form.done.endswith(SECONDS[-2:]) else 1
    taken_in, delivered = (datetime.fromisoformat(receipt[key]).timestamp() for key in ("occurredAt", "deliveredAt"))
    submitted: float = min(line["at"] for line in sent.submits)
    return submitted - grain < delivered < taken_in + 1
