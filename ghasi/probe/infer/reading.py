"""What arrived, read: the receipt the connector would see with plain rules, and the raw text beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ghasi.probe.facts import Arrived, Sent
from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import DataSm, DeliverSm
from ghasi.smpp.receipt import Receipt, parse_receipt
from ghasi.smpp.receipt_text import Fields, looks_separated, read_fields
from ghasi.smpp.tlv import Tag, find

UCS2_CODINGS: Final = frozenset({0x08, 0x18, 0x19, 0x1A, 0x1B})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Seen:
    """One receipt. `text` is the whole of it as characters, `fields` its values by key, `columns` those without."""

    arrived: Arrived
    receipt: Receipt
    text: str
    fields: Fields
    columns: tuple[str, ...] = ()

    @property
    def pdu(self) -> DeliverSm | DataSm:
        return self.arrived.pdu

    @property
    def ids(self) -> tuple[str, ...]:
        return self.receipt.ids

    @property
    def quoted(self) -> str | None:
        """The sender's own text as far as the receipt repeats it."""
        return self.fields.get("text")

    @property
    def intermediate(self) -> bool:
        """Told on the way: by its mark, or by a state that ends nothing."""
        return self.receipt.intermediate or not (self.receipt.final or self.receipt.state is None)


def read_all(arrived: Iterable[Arrived]) -> list[Seen]:
    """Receipts in order; messages from a subscriber are left out."""
    found = (read(each) for each in arrived)
    return [each for each in found if each.receipt.is_receipt]


def read(arrived: Arrived) -> Seen:
    text = _text(arrived.pdu)
    columns = tuple(each.strip() for each in text.split(",")) if looks_separated(text) else ()
    return Seen(
        arrived=arrived,
        receipt=parse_receipt(arrived.pdu),
        text=text,
        fields=read_fields(text),
        columns=columns,
    )


def body(pdu: DeliverSm | DataSm) -> bytes:
    """The octets of the text, its user data header taken off."""
    short = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    payload = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    data = short or (payload.value if payload else b"")
    if pdu.esm_class & ESM_UDHI and data and data[0] < len(data):
        return data[1 + data[0] :]
    return data


def _text(pdu: DeliverSm | DataSm) -> str:
    data = body(pdu)
    if pdu.data_coding in UCS2_CODINGS and b"\0" in data:
        return data.decode("utf-16-be", "replace")
    return data.decode("latin-1")


def pairs_by_content(seen: Sequence[Seen], sent: Sequence[Sent]) -> list[tuple[Seen, Sent]]:
    """Receipts with the message they are about, by what they repeat of it: its reference, or the tag that its text
    begins with. Ids play no part, so these pairs can tell how ids relate."""
    taken = [each for each in sent if each.accepted]
    found = []
    for one in seen:
        about = _by_reference(one, taken) or _by_tag(one, taken)
        if about is not None:
            found.append((one, about))
    return found


def _by_reference(seen: Seen, sent: Sequence[Sent]) -> Sent | None:
    reference = seen.receipt.user_message_reference
    fitting = [each for each in sent if each.reference is not None and each.reference == reference]
    return fitting[0] if len(fitting) == 1 else None


def _by_tag(seen: Seen, sent: Sequence[Sent]) -> Sent | None:
    quoted = (seen.quoted or "").lstrip()
    fitting = [each for each in sent if each.tag and quoted.startswith(each.tag)]
    return fitting[0] if len(fitting) == 1 else None
