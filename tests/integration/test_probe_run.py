"""The certification run over real sockets: TLS, other people's receipts, the cap, Ctrl-C, and the command itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.core.management.base import CommandError

from ghasi.management.commands.probe import Command
from ghasi.operator_answer import TlsFiles
from ghasi.probe.account import Account
from ghasi.probe.findings import Certainty
from ghasi.probe.html import to_html
from ghasi.probe.plan import Limits, Target
from ghasi.probe.report import Report
from ghasi.probe.run import Options, Probe, Reach
from ghasi.simulator.config import loads
from ghasi.simulator.runner import Simulator
from ghasi.smpp.tlv import find
from tests.support.gateway import SmallSmsc

ID = "550e8400-e29b-41d4-a716-446655440001"
ROOT = Path(__file__).parents[2]
TO = "93701234567"
SECRET = "s3cret"


def simulated(folder: Path = Path(), log: Path | None = None, **keys: Any) -> Simulator:
    operator = {"id": ID, "name": "A", "systemId": "probe", "password": SECRET} | keys
    return Simulator(loads(json.dumps({"operators": [operator]}), folder=folder), log=log)


def account(simulator: Simulator, **changes: Any) -> Account:
    given: dict[str, Any] = {
        "name": "A",
        "hosts": (("127.0.0.1", simulator.ports[ID]),),
        "system_id": "probe",
        "password": SECRET,
    }
    return Account(**(given | changes))


def options(**changes: Any) -> Options:
    plain = Options(
        target=Target(to=TO, sender="TEST"), mode=Reach.MESSAGES, receipts_for=5.0, quiet=1.0, gap=0.0, max_binds=1
    )
    return replace(plain, **changes)


def submits(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (log / f"{ID}.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "submit"]


async def run(simulator: AbstractAsyncContextManager[Simulator], wanted: Options, **changes: Any) -> Report:
    async with simulator as started:
        return await Probe(account(started, **changes), wanted).run()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("localhost", common_name="smsc.example").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "both.pem"
    )
    return tmp_path


async def test_the_certificate_is_shown(authority: Path) -> None:
    tls = TlsFiles(ca=str(authority / "ca.pem"), server_name="localhost")
    report = await run(
        simulated(authority, tls={"cert": "both.pem", "key": "both.pem"}), options(mode=Reach.BIND), tls=tls
    )
    (host,) = report.hosts
    assert (host.ok, host.trusted, host.protocol) == (True, True, "TLSv1.3")
    assert host.certificate is not None
    assert host.certificate.names == ("localhost",)
    assert "smsc.example" in host.certificate.subject
    assert host.certificate.days_left is not None
    assert host.certificate.days_left > 30
    assert [each.accepted for each in report.binds] == [True, True, True]


async def test_a_certificate_that_is_not_trusted_is_shown_and_gets_no_password(authority: Path) -> None:
    async with simulated(authority, tls={"cert": "both.pem", "key": "both.pem"}) as simulator:
        known = account(simulator, tls=TlsFiles(server_name="localhost"))
        report = await Probe(known, options()).run()
    (host,) = report.hosts
    assert (host.ok, host.trusted) == (False, False)
    assert "not trusted" in host.error
    assert host.certificate is not None
    assert "smsc.example" in host.certificate.subject
    assert report.binds == ()
    assert report.messages_sent == 0
    assert "no host can be reached" in report.stopped


async def test_nobody_there() -> None:
    async with simulated() as simulator:
        gone = account(simulator)
    report = await Probe(gone, options()).run()
    assert not report.hosts[0].ok
    assert report.proposal is None


async def test_a_wrong_password_is_tried_once() -> None:
    report = await run(simulated(), options(), password="wrong")
    assert [each.outcome for each in report.binds] == ["ESME_RINVPASWD"]
    assert report.messages_sent == 0
    assert "no kind of bind" in report.stopped


async def test_receipts_of_others_are_given_back(tmp_path: Path) -> None:
    """A receipt for a message the connector sent: it must come again, to the connector."""
    other = {"on": "clock", "after": 0.3, "times": 1, "mo": {"from": "4915100000000", "to": "TEST", "text": "hello"}}
    report = await run(simulated(log=tmp_path, rules=[other]), options(gap=0.02))
    assert report.foreign == 1
    lines = [json.loads(line) for line in (tmp_path / f"{ID}.jsonl").read_text().splitlines()]
    given_back = [line for line in lines if line["event"] == "deliver_resp" and line.get("mo")]
    assert [line["command_status"] for line in given_back] == [0x64]
    taken = [line for line in lines if line["event"] == "deliver_resp" and not line.get("mo")]
    assert taken
    assert {line["command_status"] for line in taken} == {0}


async def test_the_cap_holds_whatever_the_operator_answers(tmp_path: Path) -> None:
    """Throttled for ever: tries again count too."""
    rule = {"status": "ESME_RTHROTTLED", "skip": 3}
    report = await run(simulated(log=tmp_path, rules=[rule]), options(limits=Limits(max_messages=6)))
    assert (report.messages_sent, len(submits(tmp_path))) == (6, 6)
    assert "euro" in report.not_sent or "ucs2" in report.not_sent
    assert {line["destination_addr"] for line in submits(tmp_path)} == {TO}


async def test_a_cap_too_small_for_the_rate_gives_a_lower_bound(tmp_path: Path) -> None:
    wanted = options(mode=Reach.FULL, limits=Limits(max_messages=60, max_tps=20, max_window=12))
    report = await run(simulated(log=tmp_path, tpsLimit=500, enforceTps=True), wanted)
    rate = report.finding("rate")
    assert rate is not None
    assert rate.certainty is Certainty.BOUNDED
    assert "at least" in rate.says
    assert not rate.proposes
    assert len(submits(tmp_path)) <= 60


async def test_stopped_by_hand_it_unbinds_and_tells_what_it_knows(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with simulated(log=tmp_path) as simulator:

        def say(step: str) -> None:
            if step == "ucs2":
                stop.set()

        report = await Probe(account(simulator), options(), say).run(stop)
        assert simulator.smscs[0].port
    assert report.stopped == "stopped by hand"
    assert 4 <= report.messages_sent <= 6
    assert report.finding("bindModes") is not None
    lines = [json.loads(line) for line in (tmp_path / f"{ID}.jsonl").read_text().splitlines()]
    assert sum(line["event"] == "unbind" and line["by"] == "esme" for line in lines) == 4


async def test_a_session_that_is_cut_ends_the_run_with_a_report() -> None:
    report = await run(simulated(rules=[{"skip": 3, "times": 1, "drop": "unanswered"}]), options())
    assert report.messages_sent == 4
    assert any("stopped at" in note for note in report.notes)
    assert "ucs2" in report.not_sent


async def test_html_is_one_file_and_escapes_what_the_operator_says() -> None:
    rule = {"status": 0x0404, "info": "<script>alert(1)</script>", "to": "999*"}
    report = await run(simulated(rules=[rule]), options())
    page = to_html(report)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    for secret in (SECRET, TO):
        assert secret not in page


def command(*arguments: str, port: int, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "probe", "--host", f"127.0.0.1:{port}", "--system-id", "probe", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        check=False,
        **kwargs,
    )


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(SECRET)
    return str(path)


async def test_nothing_is_sent_without_a_yes(tmp_path: Path, password: str) -> None:
    async with simulated(log=tmp_path) as simulator:
        port = simulator.ports[ID]
        common = ("--password-file", password, "--number", f"+{TO}", "--price", "0.05")
        dry, silent = [await asyncio.to_thread(command, *common, *more, port=port) for more in (("--dry-run",), ())]
    for done in (dry, silent):
        assert done.returncode == 0, done.stderr
        assert "At most 60 messages are sent" in done.stdout
        assert "at the price given" in done.stdout
        assert TO not in done.stdout
    assert "Nothing was sent" in silent.stdout
    assert not (tmp_path / f"{ID}.jsonl").exists() or "connected" not in (tmp_path / f"{ID}.jsonl").read_text()


async def test_a_run_from_the_command_line(tmp_path: Path, password: str) -> None:
    page, profile = tmp_path / "report.html", tmp_path / "profile.yaml"
    async with simulated(ids={"response": "hex", "receipt": "decimal"}) as simulator:
        done = await asyncio.to_thread(
            command,
            *("--password-file", password, "--number", TO, "--mode", "messages", "--yes", "--json"),
            *("--html", str(page), "--profile-file", str(profile)),
            port=simulator.ports[ID],
        )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    ids = next(each for each in report["findings"] if each["name"] == "ids")
    assert ids["proposes"]["receipts.idBase"] == "hex"
    assert "idBase: hex" in profile.read_text()
    assert "idBase: hex" in page.read_text()
    assert SECRET not in done.stdout + done.stderr


OURS = """\
addresses: {destination: {ton: 2, npi: 8}, alphanumeric: {ton: 6, npi: 4}}
submit: {serviceType: CMT, validity: {form: relative, seconds: 7200}}
tlvs: {send: [{tag: 0x1401, value: "{metadata.centre}/{accountId|none}"}]}
connection: {hosts: ["elsewhere.example.net:2775"]}
"""


async def test_what_leaves_is_written_by_the_profile_named(tmp_path: Path, password: str) -> None:
    ours = tmp_path / "ours.yaml"
    ours.write_text(OURS)
    smsc = SmallSmsc()
    await smsc.start()
    try:
        done = await asyncio.to_thread(
            command,
            *("--password-file", password, "--number", TO, "--mode", "messages", "--yes", "--json"),
            *("--receipts-for", "0.1", "--profile", str(ours), "--metadata", "centre=C7"),
            port=smsc.port,
        )
    finally:
        await smsc.stop()
    assert done.returncode == 0, done.stderr
    pdus = [pdu for _, pdu, _ in smsc.submits]
    assert len(pdus) > 20
    for pdu in pdus:
        assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.source_addr_ton, pdu.source_addr_npi) == (2, 8, 6, 4)
        assert (pdu.service_type, pdu.validity_period) == ("CMT", "000000020000000R")
        tlv = find(pdu.tlvs, 0x1401)
        assert tlv is not None
        assert tlv.value == b"C7/none"
    report = json.loads(done.stdout)
    assert "the profile also names elsewhere.example.net:2775" in " ".join(report["notes"])
    assert "elsewhere.example.net:2775" in report["proposal"]["profile"]


async def test_ctrl_c_ends_a_run_with_a_report(tmp_path: Path, password: str) -> None:
    async with simulated(log=tmp_path, responseDelay=0.3) as simulator:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "manage.py", "probe", "--host", f"127.0.0.1:{simulator.ports[ID]}"),
            *("--system-id", "probe", "--password-file", password, "--number", TO, "--yes", "--json"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        assert process.stdout is not None
        async with asyncio.timeout(40):
            while b"full" not in (line := await process.stderr.readline()) or "…" not in line.decode():
                assert line
            process.send_signal(signal.SIGINT)
            out, _ = await process.communicate()
    assert process.returncode == 130
    assert json.loads(out)["stopped"] == "stopped by hand"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mode", "messages"), "--number"),
        (("--number", "12x"), "E.164"),
        (("--number", TO, "--max-messages", "0"), "--max-messages must be 1 or more"),
        (("--number", TO, "--zone", "Mars/Base"), "--zone"),
        (("--number", TO, "--sender", "a name far too long"), "from"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: tuple[str, ...], words: str, password: str) -> None:
    probe = Command()
    where = ("--host", "127.0.0.1:1", "--system-id", "probe", "--password-file", password)
    given = vars(probe.create_parser("manage.py", "probe").parse_args([*where, *arguments]))
    with pytest.raises(CommandError) as caught:
        probe.handle(**given)
    assert caught.value.returncode == 2
    assert words in str(caught.value)
