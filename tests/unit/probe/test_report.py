import io
import json
from dataclasses import replace

from rich.console import Console

from ghasi.probe.facts import Arrived, BindTried, Certificate, Facts, Mode, Reached
from ghasi.probe.html import to_html
from ghasi.probe.plan import Limits, Target, messages
from ghasi.probe.preview import preview, warnings
from ghasi.probe.report import Report, Run, make, masked, to_json
from ghasi.probe.run import Options, Reach
from ghasi.probe.terminal import show_preview, show_report
from tests.unit.probe.build import NOW, TO, account, receipt, seen, sent

TARGET = Target(to=TO, sender="TEST")
OPTIONS = Options(target=TARGET, price=0.5)
RUN = Run(
    began=NOW,
    ended=NOW + 12.3,
    number=TO,
    invalid_number="999000000000",
    show_number=False,
    allowed=60,
    price=0.5,
    stopped="stopped by hand",
    zone="UTC",
    alphabet_on_phone="",
    max_binds=1,
)


def facts() -> Facts:
    certificate = Certificate(subject="commonName=smsc", issuer="organizationName=CA", names=("smsc",), days_left=9)
    made = Facts(bound_as="TRX", sessions_held=1)
    made.reached = [
        Reached(
            host="smsc", port=2776, connect_seconds=0.01, protocol="TLSv1.3", trusted=True, certificate=certificate
        ),
        Reached(host="other", port=1, error="no connection: refused"),
    ]
    made.binds = [BindTried(mode=Mode.TRX, status=0, seconds=0.02, version=0x34)]
    made.sent = [sent("1", tag="01"), sent("2", step="payload_2"), sent("", status=None), sent("", status=0x58)]
    arrived: Arrived = seen(receipt("1", "01 plain text")).arrived
    made.arrived = [arrived]
    made.unsent_steps = ["ucs2"]
    made.foreign = 2
    return made


def report(**changes: object) -> Report:
    return make(account(), facts(), messages(TARGET), RUN if not changes else _run(**changes))


def _run(**changes: object) -> Run:
    return Run(**({name: getattr(RUN, name) for name in RUN.__struct_fields__} | changes))


def printed(show: object, *arguments: object) -> str:
    out = io.StringIO()
    show(Console(file=out, width=140), *arguments)  # type: ignore[operator]
    return out.getvalue()


def test_numbers_are_masked_unless_asked_for() -> None:
    assert masked("93701234567", show=False) == "·······4567"
    for shown in (to_json(report()).decode(), to_html(report()), printed(show_report, report())):
        assert TO not in shown
        assert "4567" in shown
        assert "s3cret" not in shown
    assert TO in to_json(report(show_number=True)).decode()


def test_cost_counts_what_may_have_been_billed() -> None:
    """One taken, one payload of two parts, one without an answer; the throttled one is free."""
    assert report().cost == 0.5 * (1 + 2 + 1)
    assert report(price=None).cost is None


def test_all_three_forms_tell_the_same() -> None:
    told = report()
    for shown in (to_html(told), printed(show_report, told)):
        for words in (
            "stopped by hand",
            "commonName=smsc",
            "no connection: refused",
            "ucs2",
            "2 receipts of other messages",
            "Bind modes",
            "Proposed profile",
        ):
            assert words in shown
    data = json.loads(to_json(told))
    assert data["steps"][0] | {"text": "", "tells": ""} == {
        "name": "single",
        "text": "",
        "tells": "",
        "sent": 3,
        "taken": 1,
        "receipts": 1,
        "refusals": {"no answer": 1, "ESME_RTHROTTLED": 1},
        "seconds": 0.05,
    }
    assert data["hosts"][0]["certificate"]["daysLeft"] == 9


def test_a_certificate_that_ends_soon_is_pointed_out() -> None:
    hosts = report().finding("hosts")
    assert hosts is not None
    assert "the certificate of smsc ends in 9 days" in hosts.evidence


def test_preview_in_numbers() -> None:
    plan = preview(account(), OPTIONS)
    count = sum(step.count for step in plan.steps)
    assert plan.needed == count + plan.window + plan.rate
    assert plan.falls_short
    # Two payloads of two and three parts.
    assert (plan.charged, plan.cost) == (63, 31.5)
    shown = printed(show_preview, plan, "·4567", "999", warnings(account(), OPTIONS))
    assert f"--max-messages {plan.needed}" in shown
    assert "31.5" in shown
    assert "Unbind the operator" in shown
    assert "not encrypted" in shown
    enough = preview(account(), replace(OPTIONS, limits=Limits(max_messages=1000)))
    assert not enough.falls_short
    assert enough.charged == enough.needed + 3


def test_a_run_without_messages_costs_nothing() -> None:
    plan = preview(account(), replace(OPTIONS, mode=Reach.BIND))
    assert (plan.steps, plan.needed, plan.allowed, plan.charged, plan.cost) == ((), 0, 0, 0, None)
    assert warnings(account(idle=True), OPTIONS) == [warnings(account(), OPTIONS)[-1]]
