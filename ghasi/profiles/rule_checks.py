"""Whether rules that are stated beside a profile can be followed: by the checks that a profile gets."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import check_statuses
from ghasi.profiles.problems import Problem
from ghasi.profiles.validate import check
from ghasi.smpp.status_rules import StatusRulesError

PLACES: Final = {
    "alphabet": "text.alphabet",
    "strict": "text.strict",
    "packed": "text.packed",
    "allowedDataCodings": "text.allowedDataCodings",
    "lockingShift": "text.lockingShift",
    "singleShift": "text.singleShift",
    "transliteration": "text.transliteration",
    "dataCodingFallback": "text.dataCodingFallback",
    "wholeClusters": "text.wholeClusters",
    "flash": "text.flash",
    "longMode": "longMessages.csms",
    "longModeTlv": "longMessages.tlv",
    "referenceBits": "longMessages.referenceBits",
    "maxParts": "longMessages.maxParts",
    "moreMessagesToSend": "longMessages.moreMessagesToSend",
    "registeredDelivery": "submit.registeredDelivery",
    "esmClassBase": "submit.esmClassBase",
    "serviceType": "submit.serviceType",
    "protocolId": "submit.protocolId",
    "priority": "submit.priority",
    "validity": "submit.validity",
    "userMessageReference": "submit.userMessageReference",
    "tlvs": "tlvs.send",
    "tlvsRead": "tlvs.read",
    "inDoubtPolicy": "inDoubt.policy",
    "inDoubtWait": "inDoubt.wait",
    "idBase": "receipts.idBase",
    "dlrZone": "receipts.zone",
    "unknownIsFinal": "receipts.unknownIsFinal",
    "addresses": "addresses",
    "receipts": "receipts",
}
"""Where a profile says what a field of SendRules says, the narrower places first; statuses are checked as a list."""


def rule_problems(rules: SendRules) -> list[Problem]:
    """All that is wrong with `rules`, each by its name in SendRules (`tlvs[0].tag`)."""
    found = [Problem(_named(one.path), one.text) for one in check(document_of(rules))]
    try:
        check_statuses(rules.statuses)
    except StatusRulesError as error:
        found += [Problem(path, sentence) for path, sentence in error.problems]
    return found


def document_of(rules: SendRules) -> dict[str, Any]:
    """`rules` as a profile writes them, without statuses."""
    document: dict[str, Any] = {}
    for name, value in msgspec.to_builtins(rules).items():
        if name not in PLACES:
            continue
        group, _, field = PLACES[name].partition(".")
        document.setdefault(group, {}).update({field: value} if field else value)
    return document


def _named(path: str) -> str:
    for name, place in PLACES.items():
        if path == place or path.startswith((f"{place}.", f"{place}[")):
            return name + path.removeprefix(place)
    return path
