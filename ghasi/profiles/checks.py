"""What a profile's fields have to be to each other and to the world, beyond their types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from ghasi.contracts.rules import TlvEncoding, ValidityForm
from ghasi.contracts.statuses import check_statuses, overrides
from ghasi.profiles.places import find_zone, parse_endpoint
from ghasi.profiles.problems import Problem, at, under
from ghasi.profiles.schema import BindMode, Profile, Receipts
from ghasi.profiles.template import InvalidTemplate, Template
from ghasi.smpp.cause_tables import TABLES
from ghasi.smpp.causes import Cause
from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.receipt_dates import check_form
from ghasi.smpp.receipt_text import check_key
from ghasi.smpp.status_rules import StatusRulesError
from ghasi.smpp.tlv import Tag
from ghasi.sms.coding import Alphabet

Problems = Iterator[Problem]
_STATUS: Final = re.compile(r"statuses\[(\d+)\](.*)\Z")
OURS: Final = {
    Tag.DEST_ADDR_SUBUNIT,
    Tag.USER_MESSAGE_REFERENCE,
    Tag.SAR_MSG_REF_NUM,
    Tag.SAR_TOTAL_SEGMENTS,
    Tag.SAR_SEGMENT_SEQNUM,
    Tag.MESSAGE_PAYLOAD,
    Tag.MORE_MESSAGES_TO_SEND,
}
"""Tags that other fields of a profile write; twice in a PDU they would contradict each other."""


def bind(profile: Profile) -> Problems:
    """No mode twice, and the pair last: nothing comes after it, because who refuses it refuses all."""
    if BindMode.PAIR in profile.bind.modes[:-1]:
        yield Problem("bind.modes", "has to name pair last")
    elif len(set(profile.bind.modes)) < len(profile.bind.modes):
        yield Problem("bind.modes", "names a mode twice")


def text(profile: Profile) -> Problems:
    """Packed and shifted text is GSM 7-bit; the codings that this profile makes are allowed."""
    group = profile.text
    if group.packed and group.alphabet is not Alphabet.GSM7:
        yield Problem("text.packed", "goes with alphabet gsm7 only")
    for name, languages in (("lockingShift", group.locking_shift), ("singleShift", group.single_shift)):
        if languages and group.alphabet is not Alphabet.GSM7:
            yield Problem(f"text.{name}", "goes with alphabet gsm7 only")
        if len(set(languages)) < len(languages):
            yield Problem(f"text.{name}", "names a language twice")
    if "spanish" in group.locking_shift:
        yield Problem("text.lockingShift", "names a language that has no locking shift table")
    if group.allowed_data_codings == ():
        yield Problem("text.allowedDataCodings", "allows nothing")


def submit(profile: Profile) -> Problems:
    """The bit of the user data header is ours to set."""
    if profile.submit.esm_class_base & ESM_UDHI:
        yield Problem("submit.esmClassBase", "has the bit of the user data header")
    validity = profile.submit.validity
    if validity.form is ValidityForm.NONE and (validity.seconds or validity.most):
        yield Problem("submit.validity.form", "has to be relative or absolute where seconds are named")
    if validity.seconds and validity.most and validity.seconds > validity.most:
        yield Problem("submit.validity.seconds", "is more than most")


def zones(profile: Profile) -> Problems:
    """Zones are in the IANA database."""
    for path, name in (
        ("submit.validity.zone", profile.submit.validity.zone),
        ("receipts.zone", profile.receipts.zone),
    ):
        if find_zone(name) is None:
            yield Problem(path, "is no time zone of the IANA database")


def receipts(profile: Profile) -> Problems:
    """A text without keys needs the column of its id; bits without a number have none to cut."""
    group = profile.receipts
    if group.columns and "id" not in group.columns:
        yield Problem("receipts.columns", "has to name the column of the id")
    named = [name for name in group.columns if name]
    if len(set(named)) < len(named):
        yield Problem("receipts.columns", "names a field twice")
    if group.errors.form == "text" and (group.errors.base or group.errors.low_bits):
        yield Problem("receipts.errors.form", "has to be dec or hex where a number is made of it")
    yield from _receipt_words(group)
    if group.errors.low_bits and group.errors.base & ((1 << group.errors.low_bits) - 1):
        yield Problem("receipts.errors.base", "has bits among those that the receipt carries")


def _receipt_words(group: Receipts) -> Problems:
    """Forms of dates, keys, tables and causes are such as receipts are read by."""
    for index, form in enumerate(group.date_forms):
        yield from _as_said(at("receipts.dateForms", index), check_form, form)
    for key, name in group.keys.items():
        yield from _as_said(under("receipts.keys", key), check_key, key, name)
    if group.errors.table is not None and group.errors.table not in TABLES:
        yield Problem("receipts.errors.table", f"is none of {', '.join(sorted(TABLES))}")
    for code, cause in group.errors.causes.items():
        if cause not in Cause.__members__:
            yield Problem(under("receipts.errors.causes", code), "is no cause of docs/contract.md §3")


def _as_said(path: str, check: Callable[..., None], *values: str) -> Problems:
    try:
        check(*values)
    except ValueError as error:
        yield Problem(path, f"cannot be used: {error}")


def tlvs(profile: Profile) -> Problems:
    """Templates can be read, no tag is written twice, and no name read twice."""
    seen: set[int] = set()
    for index, one in enumerate(profile.tlvs.send):
        path = at("tlvs.send", index)
        if one.tag in OURS:
            yield Problem(f"{path}.tag", "is written by another field of the profile")
        if one.tag in seen:
            yield Problem(f"{path}.tag", "stands here twice")
        seen.add(one.tag)
        if one.encoding is not TlvEncoding.INTEGER and one.octets != 1:
            yield Problem(f"{path}.octets", "goes with encoding integer only")
        try:
            Template(one.value).check(one.encoding, one.octets)
        except InvalidTemplate as error:
            yield Problem(f"{path}.value", str(error))
    names = [one.name for one in profile.tlvs.read]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(f"{at('tlvs.read', index)}.name", "stands here twice")


def statuses(profile: Profile) -> Problems:
    """All meanings can be followed: one that cannot would take the others along (ghasi.contracts.statuses)."""
    try:
        check_statuses(overrides(profile.statuses))
    except StatusRulesError as error:
        keys = list(profile.statuses)
        for path, sentence in error.problems:
            place = _STATUS.match(path)
            if place is None:
                yield Problem(path, sentence)
            else:
                yield Problem(under("statuses", keys[int(place[1])]) + place[2], sentence)


def connection(profile: Profile) -> Problems:
    """Hosts are `host:port`."""
    for index, one in enumerate(profile.connection.hosts):
        if parse_endpoint(one) is None:
            yield Problem(at("connection.hosts", index), "is not host:port")


CHECKS: Final[tuple[Callable[[Profile], Problems], ...]] = (
    bind,
    text,
    submit,
    zones,
    receipts,
    tlvs,
    statuses,
    connection,
)
