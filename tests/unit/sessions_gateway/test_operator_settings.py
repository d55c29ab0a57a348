from __future__ import annotations

import json
from typing import Any

import pytest

from sessions_gateway.operator_settings import (
    BindMode,
    Directions,
    InvalidSettings,
    TlsFiles,
    _decoder,
    parse_credentials,
)

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
BACKUP = "550e8400-e29b-41d4-a716-4466554400ff"
PLAIN = {
    "operatorId": OPERATOR,
    "host": "smsc.example.org",
    "port": 2775,
    "systemId": "ghasi",
    "password": "s3cr3t",
    "tpsLimit": 100,
    "bindMode": "TRANSCEIVER",
    "backupOperatorId": None,
}


def parse(**changes: Any) -> Any:
    return parse_credentials(json.dumps(PLAIN | changes).encode(), OPERATOR)


def test_plain_answer_and_defaults() -> None:
    got = parse()
    settings = got.settings
    assert (got.system_id, got.password) == ("ghasi", "s3cr3t")
    assert settings.hosts == (("smsc.example.org", 2775),)
    assert (settings.max_binds, settings.window_size, settings.tls) == (1, 10, None)
    assert (settings.bind_mode, settings.directions) == (BindMode.TRANSCEIVER, Directions.BOTH)
    assert settings.rules.alphabet == "gsm7"


def test_everything_optional() -> None:
    settings = parse(
        operatorName="Roshan",
        hosts=["a.example.org:2775", "[2001:db8::1]:3550"],
        maxBinds=4,
        windowSize=50,
        tls={"ca": "/ca.pem", "serverName": "a"},
        systemType="VMA",
        profile="roshan",
        directions="tx",
        rules={"alphabet": "latin1", "idBase": "hex", "userMessageReference": True},
        backupOperatorId=BACKUP.upper(),
        unknownLater=1,
    ).settings
    assert settings.hosts == (("a.example.org", 2775), ("2001:db8::1", 3550))
    assert (settings.operator_name, settings.max_binds, settings.window_size) == ("Roshan", 4, 50)
    assert settings.tls == TlsFiles(ca="/ca.pem", server_name="a")
    assert (settings.rules.alphabet, settings.rules.id_base) == ("latin1", "hex")
    assert settings.rules.user_message_reference
    assert (settings.directions, settings.backup_operator_id) == (Directions.TX, BACKUP)


def test_tls_as_a_flag() -> None:
    assert parse(tls=True).settings.tls == TlsFiles()
    assert parse(tls=False).settings.tls is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"systemId": "x" * 16}, "systemId is longer than 15 octets"),
        ({"password": "x" * 9}, "password is longer than 8 octets"),
        ({"password": "pässword"[:8]}, "password has characters outside ASCII"),
        ({"systemId": "a\0b"}, "systemId has characters outside ASCII"),
        ({"systemType": "x" * 13}, "systemType is longer than 12 octets"),
        ({"port": 0}, "port is not within 1 to 65535"),
        ({"tpsLimit": 0}, "tpsLimit is not within 1 to 1000000"),
        ({"maxBinds": 65}, "maxBinds is not within 1 to 64"),
        ({"windowSize": 0}, "windowSize is not within 1 to 5000"),
        ({"host": ""}, "host is empty"),
        ({"hosts": ["nohost"]}, "hosts has an entry that is not host:port"),
        ({"hosts": ["a:x"]}, "hosts has an entry that is not host:port"),
        ({"bindMode": "SIDEWAYS"}, "bindMode has the wrong type"),
        ({"password": 12345678}, "password has the wrong type"),
        ({"operatorId": "another"}, "operatorId is another operator's"),
        ({"rules": {"alphabet": "ebcdic"}}, "rules.alphabet is not one of gsm7, latin1, ascii"),
        ({"rules": {"referenceBits": 12}}, "rules.referenceBits is not one of 8, 16"),
        ({"rules": {"longMode": "payload"}}, "rules.longMode is not one of udh, sar"),
        ({"rules": {"flash": "dcs_f0"}}, "rules.flash is not one of dcs, f0, subunit"),
        ({"rules": {"idBase": "oct"}}, "rules.idBase is not one of text, hex, dec"),
        ({"rules": {"registeredDelivery": 256}}, "rules.registeredDelivery is not within 0 to 255"),
        ({"rules": {"esmClassBase": -1}}, "rules.esmClassBase is not within 0 to 255"),
        ({"rules": {"esmClassBase": 0x43}}, "rules.esmClassBase has the bit of the user data header"),
        ({"rules": {"serviceType": "SIXLEN"}}, "rules.serviceType is longer than 5 octets"),
        ({"rules": {"serviceType": "\0"}}, "rules.serviceType has characters outside ASCII"),
        ({"rules": {"inDoubtWait": -1}}, "rules.inDoubtWait is not 0 or more seconds"),
        ({"rules": {"dlrZone": "Asia/Nowhere"}}, "rules.dlrZone is no time zone of the IANA database"),
        ({"rules": {"dlrZone": ""}}, "rules.dlrZone is no time zone of the IANA database"),
        ({"rules": {"strict": "yes"}}, "rules.strict has the wrong type"),
        ({"backupOperatorId": "smpp.>"}, "backupOperatorId is no UUID"),
        ({"backupOperatorId": ""}, "backupOperatorId is no UUID"),
        ({"backupOperatorId": OPERATOR.upper()}, "backupOperatorId is the operator itself"),
    ],
)
def test_what_is_refused_is_named_without_its_value(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse(**changes)
    assert str(caught.value) == reason


def test_long_credentials_only_where_allowed() -> None:
    got = parse(systemId="x" * 20, password="y" * 16, allowLongCredentials=True)
    assert (len(got.system_id), len(got.password)) == (20, 16)
    assert got.settings.long_credentials
    with pytest.raises(InvalidSettings, match="longer than 255"):
        parse(password="y" * 256, allowLongCredentials=True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "the answer is not JSON"),
        (b"\xff", "the answer is not JSON"),
        (b"[]", "the answer has the wrong type"),
        (b"{}", "operatorId is missing"),
    ],
)
def test_what_is_no_answer_at_all(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        parse_credentials(body, OPERATOR)


def test_no_secret_in_repr() -> None:
    shown = repr(parse(password="hunter22"))
    assert "hunter22" not in shown
    assert "ghasi" not in shown


def test_no_secret_in_repr_of_the_answer_itself() -> None:
    shown = repr(_decoder.decode(json.dumps(PLAIN).encode()))
    assert OPERATOR in shown
    assert "s3cr3t" not in shown


def test_rules_at_their_bounds_are_taken() -> None:
    rules = {"referenceBits": 16, "longMode": "sar", "flash": "f0", "esmClassBase": 3, "serviceType": "CMT12"}
    rules |= {"inDoubtWait": 0, "dlrZone": "Asia/Kabul", "registeredDelivery": 255}
    assert parse(rules=rules).settings.rules.dlr_zone == "Asia/Kabul"
