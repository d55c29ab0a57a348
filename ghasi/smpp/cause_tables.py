"""What published error codes mean, as `causes` name it: the networks' own codes, and providers' lists by name.

A provider's list holds what its public documentation states; codes it does not explain are left out and read
UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ghasi.smpp.causes import Cause, ErrorCodes, ErrorForm, Network, NetworkError


def _codes(**causes: str) -> dict[int, Cause]:
    """Causes by number, from numbers by cause; `a-b` is a range, both ends in it. Raises ValueError for a number that
    has two.
    """
    table: dict[int, Cause] = {}
    for name, numbers in causes.items():
        for word in numbers.split():
            first, _, last = word.partition("-")
            listed = range(int(first, 0), int(last or first, 0) + 1)
            if not table.keys().isdisjoint(listed):
                raise ValueError("a code has one cause")
            table.update(dict.fromkeys(listed, Cause(name)))
    return table


# MAP errors by 3GPP TS 29.002 §17.6 (up to 0x7F), and TP-Failure-Cause by 3GPP TS 23.040 §9.2.3.22 (0x80 and above).
# 32, SM delivery failure, says nothing without its own reason, so that it has no name here.
GSM: Final = _codes(
    UNKNOWN_SUBSCRIBER="1 5 44",
    ABSENT_SUBSCRIBER="6 27 46",
    ILLEGAL_SUBSCRIBER="9",
    SUBSCRIBER_BUSY="31 45",
    CALL_BARRED="13-15 29 30 0xC4",
    ROAMING_BARRED="8",
    MEMORY_FULL="0xD0 0xD3",
    EQUIPMENT_FAULT="7 12 28 0xD1 0xD2 0xD4 0xD5",
    SERVICE_NOT_SUPPORTED="10 11 21 0x80 0x81 0x90 0x91 0xA1 0xB0 0xC1 0xC6 0xC7",
    NETWORK_FAULT="3 20 22 34-36 0xC2",
    NETWORK_CONGESTED="33 51 0xC0",
    INVALID_DESTINATION="0xC3",
    INVALID_MESSAGE="0x82 0x8F 0x9F 0xA0 0xAF 0xC5",
)

# AccessDeniedReason of ANSI-41 (TIA/EIA-41-D), which both networks report.
_ACCESS_DENIED: Final = _codes(
    UNKNOWN_SUBSCRIBER="1",
    ABSENT_SUBSCRIBER="2 5 6",
    SUBSCRIBER_BUSY="3",
    CALL_BARRED="4 8",
    EQUIPMENT_FAULT="7",
    SERVICE_NOT_SUPPORTED="9 10",
)

# SMS_CauseCode of ANSI-41 (TIA/EIA-41-D §6.5.2.125).
_CAUSE_CODES: Final = _codes(
    UNKNOWN_SUBSCRIBER="0 38",
    NO_ROUTE="1",
    NETWORK_CONGESTED="2 64",
    NETWORK_FAULT="3 5 65 66 67",
    SERVICE_NOT_SUPPORTED="4 99 100",
    ABSENT_SUBSCRIBER="32 34 36 37",
    SUBSCRIBER_BUSY="33",
    MEMORY_FULL="35",
    EQUIPMENT_FAULT="39",
    INVALID_MESSAGE="96 101-105",
    CALL_BARRED="97 98",
)

_BY_NETWORK: Final[Mapping[int, Mapping[int, Cause]]] = {
    Network.ANSI_136: _ACCESS_DENIED,
    Network.IS_95: _ACCESS_DENIED,
    Network.GSM: GSM,
    Network.ANSI_136_CAUSE: _CAUSE_CODES,
    Network.IS_95_CAUSE: _CAUSE_CODES,
}


def cause_in_network(error: NetworkError | None) -> Cause | None:
    """The cause of a network's own code; None where the network is not named or its code is not listed."""
    if error is None or error.network is None:
        return None
    return _BY_NETWORK.get(error.network, {}).get(error.code)


def _listed(table: Mapping[int, Cause]) -> dict[str, Cause]:
    return {f"0x{code:X}": cause for code, cause in table.items()}


_MAP: Final = {code: cause for code, cause in GSM.items() if code < 0x80}

# GatewayAPI, "Error code index", SMS errors. 0x1081 and 0x1082 are listed there with two meanings each.
_GATEWAYAPI: Final = _codes(
    UNKNOWN_SUBSCRIBER="0x1010 0x1020 0x1040 0x1049 0x1084",
    CALL_BARRED="0x1011 0x1031 0x1034 0x103B 0x103C",
    SERVICE_NOT_SUPPORTED="0x1012 0x1014 0x1024 0x1039 0x103A 0x1041",
    ABSENT_SUBSCRIBER="0x1013 0x1019 0x1021 0x1022",
    NETWORK_FAULT="0x1015-0x1017 0x101A 0x101B 0x1027 0x1028 0x1029 0x102E 0x1091",
    MEMORY_FULL="0x1018 0x102A",
    SUBSCRIBER_BUSY="0x1023",
    ILLEGAL_SUBSCRIBER="0x1025 0x1093",
    EQUIPMENT_FAULT="0x1026 0x102B-0x102D 0x1045",
    CONTENT_BLOCKED="0x1030 0x1035",
    INVALID_SENDER="0x1033 0x1065-0x1067",
    QUOTA_EXCEEDED="0x1037",
    OPERATOR_FAULT="0x1042-0x1044 0x1046 0x104A 0x1050 0x107E 0x1083 0x1090",
    NETWORK_CONGESTED="0x1047 0x1080",
    INVALID_DESTINATION="0x1048 0x1051 0x1052 0x1060-0x1064",
    NO_ROUTE="0x1054-0x1057",
    INVALID_MESSAGE="0x106B-0x107D 0x107F 0x1085-0x1087",
    INSUFFICIENT_CREDIT="0x1092",
)

# Infobip, "Error code reference": MAP errors, the reasons of 32 from 256, its own from 500.
_INFOBIP: Final = _MAP | _codes(
    MEMORY_FULL="256",
    EQUIPMENT_FAULT="257 258",
    NETWORK_CONGESTED="260 1154 1158",
    INVALID_DESTINATION="261",
    OPERATOR_FAULT="500",
    NETWORK_FAULT="1155-1157 1160-1166 1536-1541 1792-1796",
    VALIDITY_EXPIRED="2048 4101",
    ILLEGAL_SUBSCRIBER="2049",
    OPTED_OUT="2050 2052",
    INVALID_SENDER="2053",
    INVALID_MESSAGE="4096",
    CANCELLED="4100",
    QUOTA_EXCEEDED="4103 4104",
)

# Vonage, "What is Nexmo's SMPP DLR format", and its list of delivery receipt error codes. 1 and 99 say nothing.
_VONAGE: Final = _codes(
    ABSENT_SUBSCRIBER="2",
    UNKNOWN_SUBSCRIBER="3",
    CALL_BARRED="4 14",
    PORTABILITY_FAULT="5",
    CONTENT_BLOCKED="6 10 13",
    SUBSCRIBER_BUSY="7",
    NETWORK_FAULT="8",
    ILLEGAL_SUBSCRIBER="9",
    NO_ROUTE="11 12",
    INSUFFICIENT_CREDIT="15",
)

# 8x8, "SMS Delivery Receipt Error Codes"; codes that only repeat the state are left out.
_EIGHT_BY_EIGHT: Final = _codes(
    ABSENT_SUBSCRIBER="1 46 47",
    CONTENT_BLOCKED="2 24 34 43",
    NETWORK_FAULT="3 12 23 25 48 49 51",
    EQUIPMENT_FAULT="9 28 29",
    QUOTA_EXCEEDED="11 50",
    ILLEGAL_SUBSCRIBER="13",
    OPERATOR_FAULT="14 27 40",
    INVALID_DESTINATION="15",
    INVALID_MESSAGE="16-18 38",
    INVALID_SENDER="19",
    CANCELLED="20 39",
    MEMORY_FULL="21",
    CALL_BARRED="26",
    PORTABILITY_FAULT="30",
    ROAMING_BARRED="32",
    NO_ROUTE="33",
    NETWORK_CONGESTED="35",
    VALIDITY_EXPIRED="36",
    SERVICE_NOT_SUPPORTED="37",
    INSUFFICIENT_CREDIT="42 44",
    SUBSCRIBER_BUSY="45",
)

# Twilio, "SMPP error codes".
_TWILIO: Final = _codes(
    ABSENT_SUBSCRIBER="1",
    MEMORY_FULL="2",
    EQUIPMENT_FAULT="3 8",
    SERVICE_NOT_SUPPORTED="4 7 10",
    UNKNOWN_SUBSCRIBER="5",
    ILLEGAL_SUBSCRIBER="6",
    CALL_BARRED="9",
    SUBSCRIBER_BUSY="11",
    NETWORK_FAULT="12",
)

TABLES: Final[Mapping[str, ErrorCodes]] = {
    "gsm": ErrorCodes(ErrorForm.DEC, causes=_listed(GSM)),
    "gatewayapi": ErrorCodes(ErrorForm.DEC, low_bits=12, base=0x1000, causes=_listed(_GATEWAYAPI)),
    "infobip": ErrorCodes(ErrorForm.DEC, causes=_listed(_INFOBIP)),
    "vonage": ErrorCodes(ErrorForm.DEC, causes=_listed(_VONAGE)),
    "8x8": ErrorCodes(ErrorForm.DEC, causes=_listed(_EIGHT_BY_EIGHT)),
    "twilio": ErrorCodes(ErrorForm.DEC, causes=_listed(_TWILIO)),
}
"""By name, for an operator's rules: receipts whose `err` is a number of that list."""


def error_codes(
    table: str | None = None,
    *,
    form: ErrorForm = ErrorForm.TEXT,
    low_bits: int = 0,
    base: int = 0,
    causes: Mapping[str, Cause] | None = None,
) -> ErrorCodes:
    """An operator's error codes: its own `causes` before those of a published `table`, which also says how codes are
    written where nothing else is said. Raises ValueError for a table nobody knows.
    """
    own = dict(causes or {})
    if table is None:
        return ErrorCodes(form, low_bits, base, own)
    if table not in TABLES:
        raise ValueError("there is no table of error codes of that name")
    known = TABLES[table]
    if form is ErrorForm.TEXT:
        form, low_bits, base = known.form, known.low_bits, known.base
    published = {code: cause for code, cause in known.causes.items() if code not in own}
    # Of two spellings of one code the last counts.
    return ErrorCodes(form, low_bits, base, published | own)
