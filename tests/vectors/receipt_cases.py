"""The corpus of receipts: receipts.json (the table of forms) and receipts_field.json (texts met in the field, and
variants for each option of a dialect), as PDUs, rules and what they must be read as.

A case: `row` of the table of forms (0: none of them), `what`, `source`; `text` in `encoding` (or `hexBody`), `udh`,
`tlvs`, `carrier`, `esmClass`, `dataCoding`; `rules`, the dialect it needs, in the words of an operator's profile;
`expect`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ghasi.smpp.cause_tables import error_codes
from ghasi.smpp.causes import Cause, ErrorCodes, ErrorForm
from ghasi.smpp.pdu import DataSm, DeliverSm
from ghasi.smpp.receipt import IdSource, ReceiptRules
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.sms.receipt_body import DECODERS, KEEP_ASCII

Case = dict[str, Any]
HERE = Path(__file__).parent


def cases() -> list[Case]:
    """All of them, in the order of the files."""
    return [
        case for name in ("receipts", "receipts_field") for case in json.loads((HERE / f"{name}.json").read_text())
    ]


def name_of(case: Case) -> str:
    return f"{case['row']}-{case['what'].replace(' ', '_')}"


def pdu_of(case: Case) -> DeliverSm | DataSm:
    body = bytes.fromhex(case.get("udh", "")) + case.get("text", "").encode(case.get("encoding", "latin-1"))
    body += bytes.fromhex(case.get("hexBody", ""))
    tlvs = tuple(Tlv(tag, bytes.fromhex(value)) for tag, value in case.get("tlvs", []))
    carrier = case.get("carrier", "short_message")
    common = {
        "esm_class": case.get("esmClass", 4),
        "data_coding": case.get("dataCoding", 0),
        "source_addr": "93701234567",
    }
    if carrier == "short_message":
        return DeliverSm(**common, short_message=body, tlvs=tlvs)
    if carrier != "data_sm_bare":
        tlvs = (*tlvs, Tlv(Tag.MESSAGE_PAYLOAD, body))
    return DeliverSm(**common, tlvs=tlvs) if carrier == "payload" else DataSm(**common, tlvs=tlvs)


def rules_of(case: Case) -> ReceiptRules:
    """Raises KeyError for an option nobody knows."""
    given = dict(case.get("rules", {}))
    encoding = given.pop("encoding", "auto")
    rules = ReceiptRules(
        zone=ZoneInfo(given.pop("zone", "UTC")),
        unmarked=given.pop("unmarked", True),
        unknown_is_final=given.pop("unknownIsFinal", False),
        words=given.pop("words", {}),
        keys=given.pop("keys", {}),
        mark=given.pop("mark", ":"),
        columns=tuple(given.pop("columns", ())),
        separator=given.pop("separator", ","),
        date_forms=tuple(given.pop("dateForms", ())),
        decode=DECODERS[encoding],
        keeps_ascii=encoding in KEEP_ASCII,
        id_source=IdSource(given.pop("idSource", "both")),
        id_prefix=given.pop("idPrefix", ""),
        id_cut=given.pop("idCut", ""),
        errors=_errors(given.pop("errors", {})),
    )
    if given:
        raise KeyError(next(iter(given)))
    return rules


def _errors(given: str | dict[str, Any]) -> ErrorCodes:
    if isinstance(given, str):
        return error_codes(given)
    return error_codes(
        given.get("table"),
        form=ErrorForm(given.get("form", "text")),
        low_bits=given.get("lowBits", 0),
        base=given.get("base", 0),
        causes={code: Cause(cause) for code, cause in given.get("causes", {}).items()},
    )
