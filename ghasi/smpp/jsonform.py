"""PDUs as JSON objects and back, for people and tests.

    {"command": "submit_sm", "status": 0, "sequence": 1,
     "fields": {names of the SMPP specification},
     "tlvs": [{"tag": 1060, "name": "message_payload", "value": hex}]}

Integers are integers, C-octet strings text, octet strings hexadecimal. The counts that the specification
has as fields (sm_length, number_of_dests, no_unsuccess) are shown when reading; when writing they may stand
and must then be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ghasi.smpp.errors import FieldError
from ghasi.smpp.fields import Counted, CString, FieldType
from ghasi.smpp.pdu import PDU_CLASSES, GenericNack, Pdu, decode_pdu, encode_pdu, field_table
from ghasi.smpp.pdu_multi import DEST_FLAGS, ENTRY_TABLES, Entries, UnsuccessSme
from ghasi.smpp.tlv import TAG_BY_NAME, TAGS, Tlv

_CLASSES: Final = {pdu_class.command_name: pdu_class for pdu_class in PDU_CLASSES.values()}
_COUNTS: Final = {
    "short_message": "sm_length",
    "dest_address": "number_of_dests",
    "unsuccess_sme": "no_unsuccess",
}
_KEYS: Final = frozenset({"command", "status", "sequence", "fields", "tlvs"})


def pdu_to_json(frame: str) -> dict[str, Any]:
    """The PDU in `frame` (hexadecimal, white space allowed) as a JSON object.

    Raises FieldError: not hexadecimal. FramingError, DecodeError, UnknownCommand: as `decode_pdu`.
    """
    pdu = decode_pdu(_octets("hex", frame))
    fields: dict[str, Any] = {}
    for name, kind in field_table(type(pdu)):
        value = getattr(pdu, name)
        if name in _COUNTS:
            fields[_COUNTS[name]] = len(value)
        fields[name] = _shown(value, kind)
    return {
        "command": pdu.command_name,
        "status": pdu.command_status,
        "sequence": pdu.sequence_number,
        "fields": fields,
        "tlvs": [
            {
                "tag": tlv.tag,
                "name": TAGS[tlv.tag].name if tlv.tag in TAGS else None,
                "value": tlv.value.hex(),
            }
            for tlv in pdu.tlvs
        ],
    }


def json_to_pdu(form: object) -> str:
    """The PDU of a JSON object in hexadecimal. Absent fields have their defaults, an absent sequence is 1.

    Raises FieldError, naming what is wrong: not an object, unknown command, field or TLV, wrong type, too
    long.
    """
    given = _mapping("pdu", form)
    _refuse_unknown(given, _KEYS, "pdu")
    if "command" not in given:
        raise FieldError("command", "is missing")
    pdu_class = _CLASSES.get(_text("command", given["command"]))
    if pdu_class is None:
        raise FieldError("command", "is not a command of SMPP 3.4")
    pdu = pdu_class(
        command_status=_integer("status", given.get("status", 0)),
        sequence_number=_integer("sequence", given.get("sequence", 0 if pdu_class is GenericNack else 1)),
        tlvs=tuple(_tlv(item) for item in _list("tlvs", given.get("tlvs", []))),
        **_fields(pdu_class, _mapping("fields", given.get("fields", {}))),
    )
    return encode_pdu(pdu).hex()


def _tag_name(tag: int) -> str | None:
    return TAGS[tag].name if tag in TAGS else None


def _shown(value: Any, kind: FieldType) -> Any:
    if isinstance(kind, Counted):
        return value.hex()
    if isinstance(kind, Entries):
        return [_shown_entry(entry) for entry in value]
    return value


def _shown_entry(entry: Any) -> dict[str, Any]:
    shown = {name: getattr(entry, name) for name, _ in ENTRY_TABLES[type(entry)]}
    flags = [flag for flag, entry_class in DEST_FLAGS.items() if type(entry) is entry_class]
    return {"dest_flag": flags[0], **shown} if flags else shown


def _fields(pdu_class: type[Pdu], given: Mapping[str, Any]) -> dict[str, Any]:
    table = dict(field_table(pdu_class))
    counts = {count: name for name, count in _COUNTS.items() if name in table}
    _refuse_unknown(given, table.keys() | counts.keys(), pdu_class.command_name)
    values = {name: _read(name, value, table[name]) for name, value in given.items() if name in table}
    for count, name in counts.items():
        if count in given and _integer(count, given[count]) != len(values.get(name, ())):
            raise FieldError(count, f"is not the length of {name}")
    return values


def _read(name: str, value: object, kind: FieldType) -> Any:
    if isinstance(kind, CString):
        return _text(name, value)
    if isinstance(kind, Counted):
        return _octets(name, value)
    if isinstance(kind, Entries):
        return tuple(_read_entry(name, item, flagged=kind.flagged) for item in _list(name, value))
    return _integer(name, value)


def _read_entry(name: str, item: object, *, flagged: bool) -> Any:
    given = dict(_mapping(name, item))
    entry_class: type = UnsuccessSme
    if flagged:
        flag = _integer(f"{name}.dest_flag", given.pop("dest_flag", None))
        if flag not in DEST_FLAGS:
            raise FieldError(f"{name}.dest_flag", "must be 1 or 2")
        entry_class = DEST_FLAGS[flag]
    table = dict(ENTRY_TABLES[entry_class])
    _refuse_unknown(given, table.keys(), name)
    return entry_class(**{field: _read(f"{name}.{field}", value, table[field]) for field, value in given.items()})


def _tlv(item: object) -> Tlv:
    given = _mapping("tlvs", item)
    _refuse_unknown(given, frozenset({"tag", "name", "value"}), "tlvs")
    named = given.get("name")
    tag = given.get("tag")
    if tag is None:
        if _text("tlvs.name", named) not in TAG_BY_NAME:
            raise FieldError("tlvs.name", "is no name of a TLV; give its tag")
        tag = TAG_BY_NAME[str(named)]
    tag = _integer("tlvs.tag", tag)
    if named is not None and TAG_BY_NAME.get(_text("tlvs.name", named)) != tag:
        raise FieldError("tlvs.name", "does not belong to the tag")
    return Tlv(tag, _octets("tlvs.value", given.get("value", "")))


def _refuse_unknown(given: Mapping[str, Any], known: Any, where: str) -> None:
    for name in given:
        if name not in known:
            raise FieldError(str(name)[:40], f"is not known in {where}")


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise FieldError(name, "must be an object")
    return value


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise FieldError(name, "must be a list")
    return value


def _integer(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError(name, "must be an integer")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise FieldError(name, "must be text")
    return value


def _octets(name: str, value: object) -> bytes:
    try:
        return bytes.fromhex(_text(name, value))
    except ValueError:
        raise FieldError(name, "is not hexadecimal") from None
