import json

import pytest

from ghasi.operator_answer import Stated, TlsFiles
from ghasi.probe.account import account_by_hand, endpoint, password_from, read_answer
from ghasi.probe.errors import ProbeError
from ghasi.profiles.presets import effective
from tests.unit.probe.build import account

ID = "550e8400-e29b-41d4-a716-446655440001"
ANSWER = {"operatorId": ID, "host": "smsc", "port": 2775, "systemId": "me", "password": "s3cret"}


def answer(**changes: object) -> bytes:
    return json.dumps(ANSWER | changes).encode()


def test_an_answer_of_operator_management() -> None:
    found = read_answer(answer(hosts=["a:1", "[::1]:2"], tls=True, tpsLimit=7, rules={"idBase": "hex"}), ID.upper())
    assert found.hosts == (("a", 1), ("::1", 2))
    assert (found.tps_limit, found.rules, found.tls is not None) == (7, {"idBase": "hex"}, True)
    assert "s3cret" not in repr(found)
    assert "'me'" not in repr(found)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (answer(port="x"), "port has the wrong type"),
        (b"{}", "operatorId is missing"),
        (answer(operatorId="other"), "another operator"),
        (answer(password="s3cretlong"), "password is longer than 8"),
        (answer(systemId="ü"), "outside ASCII"),
        (answer(hosts=["a"]), "host:port"),
    ],
)
def test_answers_that_cannot_be_used(body: bytes, words: str) -> None:
    with pytest.raises(ProbeError) as caught:
        read_answer(body, ID)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_long_credentials_by_configuration() -> None:
    assert read_answer(answer(password="s3cretlong", allowLongCredentials=True), ID).password == "s3cretlong"


def test_a_password_file(tmp_path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\r\nsecond line\n")
    assert password_from(path) == "s3cret"
    with pytest.raises(ProbeError):
        password_from(tmp_path / "none")


def test_an_account_needs_a_host() -> None:
    with pytest.raises(ProbeError):
        account(hosts=())
    with pytest.raises(ProbeError):
        endpoint("host:0")


def test_the_profile_that_the_operator_follows_fills_what_the_answer_leaves_out() -> None:
    live = effective({"extends": "vonage", "pace": {"window": 3}, "bind": {"systemType": "VMA"}})
    body = answer(profile="Our Vonage")
    named = []
    found = read_answer(body, ID, lambda name: named.append(name) or (live, "vonage"))
    assert named == ["our-vonage"]
    assert (found.profile, found.document, found.extends) == ("our-vonage", live, "vonage")
    assert (found.window_size, found.system_type, found.operator_id) == (3, "VMA", ID)
    assert read_answer(body, ID).document is None


TWO_HOSTS = effective(
    {"connection": {"hosts": ["smsc:2775", "[::1]:2776"], "tls": True}, "bind": {"systemType": "VMA"}}
)


def test_a_stated_host_of_the_profile_brings_its_others() -> None:
    found = read_answer(answer(), ID, lambda _: (TWO_HOSTS, ""))
    assert (found.hosts, found.unused_hosts) == ((("smsc", 2775), ("::1", 2776)), ())


def test_hosts_of_the_profile_that_are_not_used_are_known() -> None:
    found = read_answer(answer(host="elsewhere"), ID, lambda _: (TWO_HOSTS, ""))
    assert found.hosts == (("elsewhere", 2775),)
    assert found.unused_hosts == (("smsc", 2775), ("::1", 2776))


def test_rules_that_the_connector_would_refuse() -> None:
    with pytest.raises(ProbeError, match=r"rules\.idBase has to be one of"):
        read_answer(answer(rules={"idBase": "roman"}), ID)


def test_an_account_by_hand_is_over_its_profile() -> None:
    stated = Stated(operator_id="", host="smsc", port=2775)
    found = account_by_hand("by hand", stated, "me", "s3cret", (TWO_HOSTS, ""))
    assert (found.name, found.hosts, found.system_type) == ("by hand", (("smsc", 2775), ("::1", 2776)), "VMA")
    assert (found.tls, found.tps_limit, found.operator_id) == (TlsFiles(), 10, "")
    plain = account_by_hand("by hand", Stated(operator_id="", host="smsc", port=1), "me", "s3cret")
    assert (plain.hosts, plain.tls, plain.document) == ((("smsc", 1),), None, None)


def test_credentials_by_hand_that_no_bind_can_carry() -> None:
    stated = Stated(operator_id="", host="smsc", port=1)
    with pytest.raises(ProbeError, match="password is longer than 8 octets") as caught:
        account_by_hand("by hand", stated, "me", "s3cretlong")
    assert "s3cret" not in str(caught.value)
