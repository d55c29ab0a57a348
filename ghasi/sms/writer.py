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
from ghasi.sms.coding import Encoded, Wanted, encode_text
from ghasi.sms.segmentation import LongMode, Strategy, capacity
from ghasi.sms.submit import MessageType, SubmitOptions, build_submits, segment_message

MOST_SENDERS: Final = 1024
_HEADER: Final = struct.Struct(">IIII")


class SubmitWriter:
    """Of one set of options."""

    def __init__(self, options: SubmitOptions) -> None:
        self.options = options
        self._usual = not options.tlvs and options.user_message_reference is None and not options.validity_period
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
    ) -> tuple[list[bytes], LongMode | None]:
        """The PDUs in order, and how a text of several parts was cut (None for a single part).

        Raises TextError, TooLong and AddressError (ghasi.sms.errors), and FieldError.
        """
        if self._usual and message_type is MessageType.SMS:
            options = self.options
            encoded = encode_text(text, encoding, alphabet=options.alphabet, strict=options.strict)
            if not encoded.elements and encoded.units <= capacity(encoded.coding, 0):
                try:
                    return [self._single(encoded, to, sender)], None
                except OverflowError:
                    # An option that is no octet: the field tables name it.
                    pass
        segmented = segment_message(text, encoding, strategy, message_id, self.options)
        submits = build_submits(segmented, to=to, sender=sender, message_type=message_type, options=self.options)
        return [encode_pdu(submit) for submit in submits], segmented.mode

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
