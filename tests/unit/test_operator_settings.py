from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import status_rules
from ghasi.operator_answer import BindMode, Directions, InvalidSettings, TlsFiles, decode_answer
from ghasi.operator_settings import REBIND_FIELDS, parse_credentials, rebind_reasons
from ghasi.profiles.reading import fields_of
from ghasi.profiles.record import ProfileRecord
from ghasi.profiles.resolve import Resolver
from ghasi.profiles.schema import REBIND, Profile
from ghasi.smpp.cause_tables import TABLES
from ghasi.smpp.status import Action

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
        ({"rules": {"alphabet": "ebcdic"}}, "rules.alphabet has to be one of gsm7, latin1, ascii"),
        ({"rules": {"referenceBits": 12}}, "rules.referenceBits has to be one of 8, 16"),
        ({"rules": {"longMode": "pigeon"}}, "rules.longMode has to be one of udh, sar, payload"),
        ({"rules": {"flash": "dcs_f0"}}, "rules.flash has to be one of dcs, f0, subunit"),
        ({"rules": {"idBase": "oct"}}, "rules.idBase has to be one of text, hex, dec"),
        ({"rules": {"registeredDelivery": 256}}, "rules.registeredDelivery has to be from 0 to 255"),
        ({"rules": {"esmClassBase": -1}}, "rules.esmClassBase has to be from 0 to 255"),
        ({"rules": {"esmClassBase": 0x43}}, "rules.esmClassBase has the bit of the user data header"),
        ({"rules": {"serviceType": "SIXLEN"}}, "rules.serviceType is longer than 5 characters"),
        ({"rules": {"serviceType": "\0"}}, "rules.serviceType has characters that do not belong here"),
        ({"rules": {"inDoubtWait": -1}}, "rules.inDoubtWait has to be from 0 to 604800"),
        ({"rules": {"dlrZone": "Asia/Nowhere"}}, "rules.dlrZone is no time zone of the IANA database"),
        ({"rules": {"dlrZone": ""}}, "rules.dlrZone is no time zone of the IANA database"),
        (
            {"rules": {"statuses": [{"code": 5, "action": "hold"}, {"code": "x", "action": "hold"}]}},
            "rules.statuses[1].code must be a number in decimal or 0x…, a name as ESME_RMSGQFUL, or a range as "
            "0x0400-0x04FF",
        ),
        ({"rules": {"statuses": [{"code": 5}]}}, "rules.statuses[0].action is missing"),
        ({"rules": {"strict": "yes"}}, "rules.strict has the wrong type"),
        (
            {"rules": {"lockingShift": ["klingon"]}},
            "rules.lockingShift[0] has to be one of bengali, gujarati, hindi, kannada, malayalam, oriya, portuguese, "
            "punjabi, spanish, tamil, telugu, turkish, urdu",
        ),
        (
            {"rules": {"lockingShift": ["spanish"]}},
            "rules.lockingShift names a language that has no locking shift table",
        ),
        (
            {"rules": {"transliteration": "loud"}},
            "rules.transliteration has to be one of greek, letters, off, punctuation",
        ),
        ({"rules": {"allowedDataCodings": []}}, "rules.allowedDataCodings allows nothing"),
        ({"rules": {"packed": True, "alphabet": "latin1"}}, "rules.packed goes with alphabet gsm7 only"),
        (
            {"rules": {"tlvs": [{"tag": 0x0424, "value": "x"}]}},
            "rules.tlvs[0].tag is written by another field of the profile",
        ),
        (
            {"rules": {"validity": {"form": "absolute", "zone": "Asia/Nowhere"}}},
            "rules.validity.zone is no time zone of the IANA database",
        ),
        (
            {"rules": {"receipts": {"errors": {"table": "mine"}}}},
            f"rules.receipts.errors.table is none of {', '.join(sorted(TABLES))}",
        ),
        (
            {"rules": {"receipts": {"errors": {"causes": {"1": "LAZY"}}}}},
            "rules.receipts.errors.causes.1 is no cause of docs/contract.md §3",
        ),
        (
            {"rules": {"registeredDelivery": 256, "allowedDataCodings": [-1]}},
            "rules.registeredDelivery has to be from 0 to 255; rules.allowedDataCodings[0] has to be from 0 to 255",
        ),
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
    shown = repr(decode_answer(json.dumps(PLAIN).encode(), OPERATOR))
    assert OPERATOR in shown
    assert "s3cr3t" not in shown


def test_rules_at_their_bounds_are_taken() -> None:
    rules = {"referenceBits": 16, "longMode": "sar", "flash": "f0", "esmClassBase": 3, "serviceType": "CMT12"}
    rules |= {"inDoubtWait": 0, "dlrZone": "Asia/Kabul", "registeredDelivery": 255}
    assert parse(rules=rules).settings.rules.dlr_zone == "Asia/Kabul"


# --- over a profile


def over(document: dict[str, Any], **changes: Any) -> Any:
    """The settings of an answer whose live profile is `document`."""
    resolver = Resolver({"roshan": ProfileRecord("roshan", 1, document)}.get)
    answer = {key: value for key, value in (PLAIN | {"profile": "roshan"} | changes).items() if value is not ...}
    return parse_credentials(json.dumps(answer).encode(), OPERATOR, resolver).settings


def test_the_profile_says_what_the_answer_leaves_out() -> None:
    document = {
        "bind": {
            "modes": ["pair"],
            "systemType": "VMA",
            "addressRange": "^93",
            "addressTon": 1,
            "addressNpi": 1,
            "directions": "tx",
        },
        "pace": {"window": 50, "tps": 30},
        "connection": {"hosts": ["a.example.org:2775"], "maxBinds": 3, "tls": True},
        "submit": {"serviceType": "CMT"},
    }
    settings = over(document, host=..., port=..., tpsLimit=..., bindMode=...)
    assert settings.hosts == (("a.example.org", 2775),)
    assert (settings.tps_limit, settings.window_size, settings.max_binds) == (30, 50, 3)
    assert (settings.bind_mode, settings.fall_back) == (BindMode.TRANSMITTER, True)
    assert (settings.system_type, settings.address_range, settings.address_ton, settings.address_npi) == (
        "VMA",
        "^93",
        1,
        1,
    )
    assert settings.directions is Directions.TX
    assert settings.tls == TlsFiles()
    assert (settings.source, settings.profile_problem) == ("live:roshan", None)
    assert settings.rules.service_type == "CMT"


def test_what_the_answer_states_always_wins() -> None:
    document = {
        "bind": {"modes": ["transceiver"], "systemType": "VMA"},
        "pace": {"window": 50, "tps": 30},
        "connection": {"maxBinds": 3, "tls": True},
        "text": {"alphabet": "latin1"},
        "submit": {"priority": 2},
    }
    settings = over(
        document, tpsLimit=5, windowSize=4, maxBinds=1, tls=False, systemType="", rules={"alphabet": "ascii"}
    )
    assert (settings.tps_limit, settings.window_size, settings.max_binds, settings.tls) == (5, 4, 1, None)
    assert settings.system_type == ""
    assert (settings.rules.alphabet, settings.rules.priority) == ("ascii", 2)
    assert (settings.bind_mode, settings.fall_back) == (BindMode.TRANSCEIVER, False)


def test_a_host_of_the_profiles_brings_its_others_along() -> None:
    document = {"connection": {"hosts": ["a.example.org:2775", "b.example.org:2775"]}}
    both = (("b.example.org", 2775), ("a.example.org", 2775))
    assert over(document, host="b.example.org").hosts == both
    assert over(document, host="c.example.org").hosts == (("c.example.org", 2775),)
    assert over(document, hosts=["d.example.org:1"]).hosts == (("d.example.org", 1),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tpsLimit": ...}, "tpsLimit is missing"),
        ({"host": ...}, "host is empty"),
        ({"rules": {"validity": {"form": "never"}}}, "rules.validity.form has the wrong type"),
        ({"rules": {"priority": 256}}, "rules.priority has to be from 0 to 255"),
        ({"rules": {"maxParts": 0}}, "rules.maxParts has to be from 1 to 255"),
        ({"rules": {"longModeTlv": "x"}}, "rules.longModeTlv has to be one of udh, sar, payload"),
        ({"rules": {"tlvs": [{"tag": 5120, "value": "{text}"}]}}, "rules.tlvs[0].value names a field"),
    ],
)
def test_what_neither_says_or_says_wrongly(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        over({}, **changes)
    assert str(caught.value).startswith(reason)


def test_an_unknown_profile_is_plain_and_says_so() -> None:
    settings = parse(profile="Nobody's").settings
    assert settings.rules == SendRules()
    assert (settings.source, settings.profile_problem) == ("preset:plain", "no profile nobody-s is known")


def test_what_needs_another_bind_is_told_by_its_name_in_the_profile() -> None:
    before = over({"bind": {"systemType": "VMA"}, "pace": {"window": 5}})
    after = over({"bind": {"addressRange": "^9", "modes": ["transceiver"]}, "pace": {"window": 6}})
    assert rebind_reasons(before, after) == ("bind.addressRange", "bind.modes", "bind.systemType")
    assert rebind_reasons(before, before) == ()


def test_the_schema_marks_what_needs_another_bind() -> None:
    marked = {
        f"{group.encode_name}.{field.encode_name}"
        for group in fields_of(Profile).values()
        if isinstance(group.type, msgspec.inspect.StructType)
        for field in group.type.fields
        if isinstance(field.type, msgspec.inspect.Metadata) and field.type.extra == REBIND
    }
    assert marked == set(REBIND_FIELDS.values())


def test_statuses_reach_the_workers_as_written() -> None:
    given = [{"code": "0x0400-0x04FF", "action": "permanent", "cause": "blocked"}, {"code": 1039, "action": "hold"}]
    rules = parse(rules={"statuses": given}).settings.rules
    again = msgspec.json.decode(msgspec.json.encode(rules), type=type(rules))
    assert again == rules
    known = status_rules(again.statuses)
    assert [known.action(code) for code in (0x455, 1039)] == [Action.PERMANENT, Action.HOLD]
