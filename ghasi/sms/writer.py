"""A command's submit_sm PDUs as octets, sequence numbers still unset (SMPP 3.4 §4.4.1).

Most texts fit into one part and need no TLV: those are written at once, from a beginning that is the same for all
messages of a sender. Everything else goes through `build_submits`; tests hold both ways equal.
"""

from __future__ import annotations

import struct
from typing import Final
from uuid import UUID

from ghasi.smpp.constants import HEADER_LENGTH, CommandId
from ghasi.smpp.pdu import SubmitSm, encode_pdu
from ghasi.sms.address import parse_destination, parse_sender
from ghasi.sms.choice import encode
from ghasi.sms.coding import Change, Encoded, Wanted, encode_text
from ghasi.sms.segmentation import LongMode, Strategy, capacity
from ghasi.sms.submit import MessageType, SubmitOptions, build_submits, segment_message

MOST_SENDERS: Final = 1024
_HEADER: Final = struct.Struct(">IIII")


Written = tuple[list[bytes], LongMode | None, int]
"""The PDUs in order; how a text of several parts was cut, None for a single part; and how many characters
transliteration replaced. A plain tuple, because every message makes one."""


class SubmitWriter:
    """Of one set of options."""

    def __init__(self, options: SubmitOptions) -> None:
        self.options = options
        tlvs = options.tlvs or options.first_tlvs or options.last_tlvs
        plain = options.user_message_reference is None and not options.validity_period and not options.packed
        self._usual = plain and not tlvs
        self._rules = None if options.text_rules.plain else options.text_rules
        self._beginnings: dict[str, bytes] = {}

    def write(
        self,
        text: str,
        encoding: Wanted,
        strategy: Strategy,
        message_id: UUID,
        *,
        to: str,
        sender: str,
        message_type: MessageType = MessageType.SMS,
        elements: bytes = b"",
    ) -> Written:
        """The PDUs of a text, or of a binary body with the `elements` of its own header.

        Raises TextError, TooLong and AddressError (ghasi.sms.errors), and FieldError.
        """
        if self._usual and message_type is MessageType.SMS and not elements:
            options = self.options
            if self._rules is None:
                encoded = encode_text(text, encoding, alphabet=options.alphabet, strict=options.strict)
            else:
                encoded = encode(text, encoding, self._rules)
            if not encoded.elements and encoded.units <= capacity(encoded.coding, 0):
                try:
                    return (
                        [self._single(encoded, to, sender)],
                        None,
                        _count(encoded.changes) if encoded.changes else 0,
                    )
                except OverflowError:
                    # An option that is no octet: the field tables name it.
                    pass
        segmented = segment_message(text, encoding, strategy, message_id, self.options, elements, message_type)
        submits = build_submits(segmented, to=to, sender=sender, message_type=message_type, options=self.options)
        return [encode_pdu(submit) for submit in submits], segmented.mode, _count(segmented.changes)

    def _single(self, encoded: Encoded, to: str, sender: str) -> bytes:
        options = self.options
        destination = parse_destination(to, options.addresses).addr.encode("ascii")
        beginning = self._beginnings.get(sender) or self._begin(sender)
        message = encoded.data
        body = b"%b%b\0%c%c%c\0\0%c\0%c\0%c%b" % (
            beginning,
            destination,
            options.esm_class_base,
            options.protocol_id,
            options.priority_flag,
            options.registered_delivery,
            encoded.data_coding,
            len(message),
            message,
        )
        return _HEADER.pack(HEADER_LENGTH + len(body), CommandId.SUBMIT_SM, 0, 0) + body

    def _begin(self, sender: str) -> bytes:
        """service_type to dest_addr_npi, checked by the field tables."""
        options = self.options
        source = parse_sender(sender, options.addresses)
        ton, npi = options.addresses.destination
        whole = encode_pdu(
            SubmitSm(
                service_type=options.service_type,
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.addr,
                dest_addr_ton=ton,
                dest_addr_npi=npi,
            )
        )
        end = HEADER_LENGTH + len(options.service_type) + 1 + 2 + len(source.addr) + 1 + 2
        if len(self._beginnings) >= MOST_SENDERS:
            self._beginnings.clear()
        self._beginnings[sender] = whole[HEADER_LENGTH:end]
        return self._beginnings[sender]


def _count(changes: tuple[Change, ...]) -> int:
    return sum(change.count for change in changes)
