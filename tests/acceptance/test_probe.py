"""The certification run against operators it knows nothing of: drawn from a seed, all dimensions varied."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ghasi.probe.account import Account
from ghasi.probe.findings import Certainty, Finding
from ghasi.probe.plan import Limits, Target
from ghasi.probe.report import Report, to_json
from ghasi.probe.run import Options, Probe
from ghasi.profiles.presets import effective, read_yaml
from ghasi.simulator.config import loads
from ghasi.simulator.runner import Simulator
from ghasi.smpp.id_inference import CERTAIN_FROM
from tests.support.pauses import undisturbed
from tests.support.probe_scripts import INVALID, PASSWORD, Script, scripts

SEED = int(os.environ.get("PROBE_SEED", "20261121"))
COUNT = int(os.environ.get("PROBE_SCRIPTS", "22"))
TO = "93701234567"
AT_ONCE = 6
PAUSE = 0.5
"""Seconds; a run in which this process stood still for so long is made again: the account is judged by its times."""
ALONE = 3
"""Times a rate is measured again without company."""


async def probe(script: Script) -> Report:
    async with Simulator(loads(script.scenario())) as simulator:
        port = simulator.ports[script.operator_id]
        account = Account(
            name="under test",
            hosts=(("127.0.0.1", port),),
            system_id="probe",
            password=PASSWORD,
            tps_limit=script.declared_rate,
            idle=True,
        )
        options = Options(
            target=Target(to=TO, sender="PROBE", invalid=INVALID, start=script.number),
            limits=Limits(max_messages=1500, max_tps=90, max_window=16),
            max_binds=3,
            receipts_for=6.0,
            quiet=1.2,
            gap=0.02,
        )
        return await Probe(account, options).run()


async def measured_anew(script: Script, report: Report) -> Report:
    """Several at once share the machine with all they measure, and it stands still now and then: a rate that came out
    wrong is measured again, alone."""
    for _ in range(ALONE):
        if rate_holds(script, report):
            break
        report = await probe(script)
    return report


def rate_holds(script: Script, report: Report) -> bool:
    finding = report.finding("rate")
    if script.rate is None or finding is None:
        return True
    return finding.certainty is Certainty.TOLD and abs(finding.value - script.rate) <= 0.1 * script.rate


pytestmark = pytest.mark.timeout(600)  # the first test of the module waits for all runs


@pytest.fixture(scope="module")
def reports() -> dict[int, tuple[Script, Report]]:
    async def all_of_them() -> list[tuple[Script, Report]]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(script: Script) -> tuple[Script, Report]:
            async with turn:
                return script, await undisturbed(lambda: probe(script), PAUSE, tries=2)

        made = await asyncio.gather(*map(one, scripts(SEED, COUNT)))
        return [(script, await measured_anew(script, report)) for script, report in made]

    return {script.number: (script, report) for script, report in asyncio.run(all_of_them())}


@pytest.fixture(params=range(COUNT), ids=lambda number: f"seed {SEED} script {number}")
def run(request: pytest.FixtureRequest, reports: dict[int, tuple[Script, Report]]) -> tuple[Script, Report]:
    return reports[request.param]


def found(report: Report, name: str) -> Finding:
    finding = report.finding(name)
    assert finding is not None, f"no word of {name}: {report.stopped} {report.notes}"
    return finding


def told(report: Report, name: str) -> Any:
    finding = found(report, name)
    assert finding.certainty is Certainty.TOLD, finding
    return finding.value


def test_bind_modes(run: tuple[Script, Report]) -> None:
    script, report = run
    assert told(report, "bindModes") == sorted(script.binds[0])
    wanted = ["transceiver", "pair"] if len(script.binds[0]) == 3 else ["transceiver"]
    proposed = found(report, "bindModes").proposes["bind.modes"]
    assert proposed == (wanted if "TRX" in script.binds[0] else ["pair"])


def test_binds_at_once(run: tuple[Script, Report]) -> None:
    script, report = run
    finding = found(report, "binds")
    if script.bind_limit is not None and script.bind_limit < 3:
        assert (finding.certainty, finding.value) == (Certainty.TOLD, script.bind_limit)
    else:
        assert (finding.certainty, finding.value) == (Certainty.BOUNDED, 3)


def test_long_messages(run: tuple[Script, Report]) -> None:
    script, report = run
    assert tuple(told(report, "longMessages")["taken"]) == script.long_modes
    proposes = found(report, "longMessages").proposes
    csms = {"udh8": ("udh", 8), "sar": ("sar", 8), "payload": ("payload", None)}[script.long_modes[0]]
    assert (proposes["longMessages.csms"], proposes.get("longMessages.referenceBits")) == csms
    assert (proposes["longMessages.tlv"] == "payload") == ("payload" in script.long_modes)


def test_window(run: tuple[Script, Report]) -> None:
    script, report = run
    window, status = script.window
    finding = found(report, "window")
    if window is None or window > 16:
        assert finding.certainty in (Certainty.BOUNDED, Certainty.OPEN)
        assert not finding.proposes
    elif script.rate is not None and script.rate < window + (status == "ESME_RTHROTTLED"):
        # A burst shows only the smaller of the two.
        assert finding.certainty is Certainty.OPEN
        assert finding.value == script.rate
    else:
        assert (finding.certainty, finding.value) == (Certainty.TOLD, window)
        assert finding.proposes == {"pace.window": window}


def test_rate(run: tuple[Script, Report]) -> None:
    script, report = run
    finding = found(report, "rate")
    if script.rate is None:
        assert finding.certainty is Certainty.BOUNDED or finding.value < 90
        return
    assert finding.certainty is Certainty.TOLD, finding
    assert abs(finding.value - script.rate) <= 0.1 * script.rate, finding
    assert abs(finding.proposes["pace.tps"] - script.rate) <= 0.1 * script.rate


BASES = {"decimal": 10, "paddedDecimal": 10, "hex": 16, "upperHex": 16, "paddedHex": 16, "uuid": 0, "upperUuid": 0}


def test_ids(run: tuple[Script, Report]) -> None:
    script, report = run
    if script.dialect == "ack":
        assert found(report, "ids").certainty is Certainty.OPEN
        return
    response, receipt = (BASES[form] for form in script.ids)
    base = "text" if response == receipt else {16: "hex", 10: "dec"}[response]
    finding = found(report, "ids")
    assert finding.value == {"relation": {"text": "text", "hex": "hex>dec", "dec": "dec>hex"}[base]}, finding
    assert finding.proposes == {"receipts.idBase": base, "receipts.idCut": ""}
    # A run has fewer ids than make a relation certain where the operator refuses some of its messages.
    ids = int(finding.evidence[0].split()[0])
    assert finding.certainty is Certainty.TOLD or ids < CERTAIN_FROM or script.dialect in QUOTING, finding
    assert ids >= CERTAIN_FROM or finding.certainty is Certainty.BOUNDED


NO_DATES = {"ack", "tlvOnly"}


def test_zone(run: tuple[Script, Report]) -> None:
    script, report = run
    finding = found(report, "zone")
    if script.dialect in NO_DATES:
        assert finding.certainty is Certainty.OPEN
        assert finding.ask
        return
    assert finding.certainty is Certainty.TOLD, finding
    assert finding.value["offset"] == script.offset_seconds
    assert bool(finding.proposes) == (script.dialect != "tenths")


DATES = {
    "seconds": ("YYMMDDhhmmss", "YYMMDDhhmmss"),
    "fullYear": ("YYYYMMDDhhmmss", "YYYYMMDDhhmmss"),
    "fullYearMinutes": ("YYYYMMDDhhmm", "YYYYMMDDhhmm"),
    "tenths": ("YYMMDDhhmmsstnnp", "YYMMDDhhmmsstnnp"),
    "twoLengths": ("YYMMDDhhmmss", "YYMMDDhhmm"),
    "openMarket": ("YYMMDDhhmmss", "YYMMDDhhmmss"),
}


def test_dates(run: tuple[Script, Report]) -> None:
    script, report = run
    if script.dialect in NO_DATES:
        assert found(report, "dates").certainty is Certainty.OPEN
        return
    submit, done = DATES.get(script.dialect, ("YYMMDDhhmm", "YYMMDDhhmm"))
    assert told(report, "dates") == {"submit": submit, "done": done}


MODEL = ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text"]
BARE = [key for key in MODEL if key not in ("sub", "dlvrd")]
FORMS: dict[str, dict[str, Any]] = {
    "standardTlv": {"tlvs": ["receipted_message_id", "message_state", "network_error_code"]},
    "fullYear": {"keys": BARE},
    "noCounters": {"keys": BARE},
    "camelCase": {"keys": [key.replace(" date", "Date") for key in MODEL]},
    "openMarket": {"keys": [key.replace(" date", "date") for key in MODEL], "text": "empty"},
    "tlvOnly": {
        "carrier": "tlv",
        "keys": [],
        "text": "no key",
        "tlvs": ["receipted_message_id", "message_state", "network_error_code"],
    },
    "ucs2": {"ucs2": True},
    "messagePayload": {"carrier": "message_payload"},
    "dataSm": {"carrier": "data_sm", "tlvs": ["receipted_message_id", "message_state"]},
    "unmarked": {"marked": False},
    "udh": {"header": True},
    "enrouteFirst": {"intermediate": "as a receipt"},
    "intermediate": {"intermediate": "marked"},
    "textSpaces": {"text": "empty"},
    "csv": {"keys": [], "text": "no key"},
}
USUAL = {
    "carrier": "short_message",
    "ucs2": False,
    "marked": True,
    "header": False,
    "keys": MODEL,
    "tlvs": [],
    "text": "quoted",
    "intermediate": "none",
}


def test_receipts(run: tuple[Script, Report]) -> None:
    script, report = run
    finding = found(report, "receipts")
    if script.dialect == "ack":
        assert finding.certainty is Certainty.OPEN
        return
    assert finding.certainty is Certainty.TOLD, finding
    expected = USUAL | FORMS.get(script.dialect, {})
    if script.dialect == "ucs2" and "uuid" in script.ids[1].lower():
        expected |= {"carrier": "message_payload"}  # too long for short_message
    assert {key: finding.value[key] for key in expected} == expected
    if script.dialect == "csv":
        columns = finding.proposes["receipts.columns"]
        assert (columns[6], columns[7]) == ("stat", "id")


#: (alphabet, alphabet of receipts, receipts in UCS-2) where what comes back differs from what was sent in a way only
#: one alphabet explains.
TELLING = {("gsm7", "latin1", False), ("latin1", "gsm7", False), ("ascii", "gsm7", False)} | {
    (alphabet, receipts, True) for alphabet in ("gsm7", "ascii") for receipts in ("latin1", "gsm7")
}
QUOTING = {"csv", "ack", "tlvOnly", "openMarket", "textSpaces"}


def test_alphabet(run: tuple[Script, Report]) -> None:
    script, report = run
    finding = found(report, "alphabet")
    if script.dialect in QUOTING or (*script.alphabet, script.dialect == "ucs2") not in TELLING:
        assert finding.certainty is Certainty.OPEN, finding
        assert "cannot be told from outside" in finding.says
        assert "phone" in finding.ask
        assert not finding.proposes
    else:
        assert (finding.certainty, finding.value) == (Certainty.TOLD, script.alphabet[0])


def test_an_invalid_number(run: tuple[Script, Report]) -> None:
    script, report = run
    if script.invalid_status:
        assert told(report, "invalid") == script.invalid_status


def test_the_profile_proposed_says_what_was_found(run: tuple[Script, Report]) -> None:
    script, report = run
    assert report.stopped == ""
    assert report.proposal is not None, report.notes
    profile = effective(read_yaml(report.proposal.profile))
    assert [mode.value for mode in profile.bind.modes] == found(report, "bindModes").proposes["bind.modes"]
    if "udh8" in script.long_modes:
        assert (profile.long_messages.csms, profile.long_messages.reference_bits) == ("udh", 8)
    for name, value in (
        ("window", profile.pace.window),
        ("rate", profile.pace.tps),
        ("alphabet", profile.text.alphabet.value),
    ):
        finding = found(report, name)
        if finding.proposes:
            assert list(finding.proposes.values()) == [value]
    if script.dialect != "ack":
        assert profile.receipts.id_base == found(report, "ids").proposes["receipts.idBase"]
    if script.dialect not in (*NO_DATES, "tenths"):
        now = datetime.now(ZoneInfo(profile.receipts.zone)).utcoffset()
        assert now == timedelta(seconds=script.offset_seconds)


def test_nothing_secret_is_in_a_report(run: tuple[Script, Report]) -> None:
    _, report = run
    for shown in (repr(report), to_json(report).decode()):
        assert PASSWORD not in shown
        assert TO not in shown
        assert TO[-4:] in shown
