from pathlib import Path

import pytest

from ghasi.simulator.config import Account, ConfigError, load, loads
from ghasi.simulator.rules import ReceiptFault

ID = "550e8400-e29b-41d4-a716-446655440001"
EXAMPLES = sorted((Path(__file__).parents[3] / "ghasi" / "simulator" / "examples").glob("*.yaml"))


def one(more: str) -> str:
    return f"operators:\n  - {{id: {ID}, systemId: x, {more}}}\n"


def test_defaults_are_a_well_behaved_operator() -> None:
    operator = loads(one("name: A")).operators[0]
    assert (operator.host, operator.port, operator.tps_limit, operator.window_size) == ("127.0.0.1", 0, 100, 10)
    assert operator.accepts == ("TRX", "TX", "RX")
    assert operator.rules == ()
    assert operator.receipts.dialect == "standard"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("name: A, nmae: B", 'operators[0].nmae: unknown key, did you mean "name"?'),
        ("port: 1", "operators[0].name: missing"),
        ("name: A, port: 70000", "operators[0].port: Expected `int` <= 65535"),
        ("name: A, port: x", "operators[0].port: Expected `int`, got `str`"),
        ("name: A, tls: {cert: a}", "operators[0].tls.key: missing"),
        ("name: A, ids: {response: uuid, receipt: hex}", "operators[0].ids.receipt: hex cannot be told"),
        ("name: A, ids: {response: octal}", "operators[0].ids.response: Invalid enum value 'octal'"),
        ("name: A, receipts: {dialect: foo}", "operators[0].receipts.dialect: 'foo' is none of standard,"),
        ("name: A, receipts: {delay: [3, 1]}", "operators[0].receipts.delay: must be seconds or"),
        ("name: A, receipts: {outcomes: []}", "operators[0].receipts.outcomes: at least one"),
        ("name: A, refuseModeWith: ESME_X", "operators[0].refuseModeWith: 'ESME_X' is no command_status"),
        ("name: A, otherAccounts: [{systemId: x}]", "operators[0].otherAccounts: a systemId stands twice"),
        ("name: A, outages: [{after: 2, until: 1}]", "operators[0].outages[0].until: must be later than after"),
        ("name: A, rules: [{to: '1', stauts: 8}]", 'rules[0].stauts: unknown key, did you mean "status"?'),
        ("name: A, rules: [{to: '1', status: ESME_X}]", "rules[0].status: 'ESME_X' is no command_status"),
        (
            "name: A, rules: [{to: 9370, status: 8}]",
            "rules[0].to: Expected `str | null`, got `int` (write it in quotes)",
        ),
        ("name: A, rules: [{to: /(/, status: 8}]", "rules[0].to: '/(/' is no regular expression"),
        ("name: A, rules: [{to: '1'}]", "rules[0].status: the rule names no fault"),
        ("name: A, rules: [{garbage: xyz}]", "rules[0].garbage: must be hexadecimal digits"),
        ("name: A, rules: [{status: 8, after: 3, until: 3}]", "rules[0].until: must be later than after"),
        (
            "name: A, rules: [{on: clock, to: '1', unbind: true, times: 1}]",
            "rules[0].to: has no meaning for on: clock",
        ),
        ("name: A, rules: [{on: clock, unbind: true}]", "rules[0].every: a rule on the clock needs every or times"),
        ("name: A, rules: [{on: bind, answer: twice}]", "rules[0].answer: twice has no meaning for on: bind"),
        ("name: A, rules: [{receipt: {dely: 1}}]", 'rules[0].receipt.dely: unknown key, did you mean "delay"?'),
        ("name: A, rules: [{receipt: {err: 27}}]", "rules[0].receipt.err: Expected `str | null`, got `int` (write"),
        ("name: A, rules: [{receipt: {delay: -1}}]", "rules[0].receipt.delay: must be seconds or"),
        ("name: A, management: {failures: [{status: 42}]}", "management.failures[0].status: Expected `int` >= 100"),
        ("name: A, rules: [{messageId: " + 65 * "9" + "}]", "rules[0].messageId: Expected `str"),
        ("name: A, ids: {start: 1" + 40 * "0" + "}", "operators[0].ids.start: more than 40 digits"),
        ("name: A, name: B", "the key 'name' stands here twice"),
    ],
)
def test_a_bad_file_names_the_key(more: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(one(more))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("a: [", "not YAML"),
        ("operators: []", "operators: at least one"),
        ("folder: /tmp", "folder: unknown key"),
        (one("name: A") + f"  - {{id: {ID}, systemId: y, name: B}}\n", "operators[1].id: " + ID + " stands twice"),
    ],
)
def test_a_bad_document(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert message in str(caught.value)


def test_two_operators_cannot_share_a_port() -> None:
    second = "  - {id: 550e8400-e29b-41d4-a716-446655440002, systemId: y, name: B, port: 2775}\n"
    with pytest.raises(ConfigError, match=r"operators\[1\]\.port: 127\.0\.0\.1:2775 stands twice"):
        loads(one("name: A, port: 2775") + second)


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_passwords_are_not_shown() -> None:
    operator = loads(one("name: A, password: s3cret, otherAccounts: [{systemId: y, password: s3cret}]")).operators[0]
    assert "s3cret" not in repr(operator) + repr(operator.accounts) + str(Account(system_id="a", password="s3cret"))
    assert [account.system_id for account in operator.accounts] == ["x", "y"]


def test_utc_offset_in_minutes() -> None:
    offsets = [
        loads(one(f"name: A, receipts: {{utcOffset: '{text}'}}")).operators[0].receipts.utc_minutes
        for text in ("+04:30", "-03:00", "+00:00")
    ]
    assert offsets == [270, -180, 0]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(path: Path) -> None:
    scenario = load(path)
    assert scenario.folder == str(path.parent)


def test_the_demo_has_its_three_operators() -> None:
    roshan, etisalat, turkcell = load(EXAMPLES[[path.name for path in EXAMPLES].index("demo.yaml")]).operators
    assert (roshan.ids.response, roshan.ids.receipt) == ("hex", "decimal")
    assert (etisalat.ids.response, etisalat.receipts.dialect) == ("uuid", "tlvOnly")
    assert (turkcell.accepts, turkcell.receipts.dialect) == (("TX", "RX"), "seconds")
    assert roshan.rules[1].receipt == ReceiptFault(stat="UNDELIV", err="027")
