"""Optional parameters (TLVs), SMPP 3.4 §5.3: known ones by name, vendor and unknown ones opaque, order kept.

Names and tags come from smpplib's table; formats and sizes are SMPP 3.4 §5.3.2's. A value is never refused
for its size when read or re-encoded, because peers send message_state with none or two octets; the typed
constructors check.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from smpplib.consts import OPTIONAL_PARAMS as _SMPPLIB_TAGS

from ghasi.smpp.errors import FieldError

_HEAD = struct.Struct(">HH")
MAX_TLV_VALUE: Final = 0xFFFF


class Tag(IntEnum):
    """Tags this product handles by meaning."""

    DEST_ADDR_SUBUNIT = 0x0005
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    DPF_RESULT = 0x0420
    MS_AVAILABILITY_STATUS = 0x0422
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427


class TlvKind(Enum):
    """How a value is to be read."""

    INTEGER = "integer"
    C_STRING = "c-octet string"
    OCTETS = "octet string"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class TagInfo:
    """One row of SMPP 3.4 §5.3.2: `sizes` is the least and the greatest length of a value in octets."""

    tag: int
    name: str
    kind: TlvKind
    sizes: tuple[int, int]


_INTEGER_SIZES: Final = {
    1: (
        "dest_addr_subunit dest_network_type dest_bearer_type source_addr_subunit source_network_type "
        "source_bearer_type source_telematics_id payload_type ms_msg_wait_facilities privacy_indicator "
        "user_response_code language_indicator sar_total_segments sar_segment_seqnum sc_interface_version "
        "callback_num_pres_ind number_of_messages dpf_result set_dpf ms_availability_status "
        "delivery_failure_reason more_messages_to_send message_state ussd_service_op display_time "
        "ms_validity its_reply_type"
    ),
    2: (
        "dest_telematics_id user_message_reference source_port destination_port sar_msg_ref_num sms_signal "
        "its_session_info"
    ),
    4: "qos_time_to_live",
}
_OTHER_FORMATS: Final = {
    "additional_status_info_text": (TlvKind.C_STRING, (1, 256)),
    "receipted_message_id": (TlvKind.C_STRING, (1, 65)),
    "source_subaddress": (TlvKind.OCTETS, (2, 23)),
    "dest_subaddress": (TlvKind.OCTETS, (2, 23)),
    "callback_num_atag": (TlvKind.OCTETS, (0, 65)),
    "callback_num": (TlvKind.OCTETS, (4, 19)),
    "network_error_code": (TlvKind.OCTETS, (3, 3)),
    "message_payload": (TlvKind.OCTETS, (0, MAX_TLV_VALUE)),
    "alert_on_message_delivery": (TlvKind.FLAG, (0, 0)),
}
_FORMATS: Final = _OTHER_FORMATS | {
    name: (TlvKind.INTEGER, (size, size)) for size, names in _INTEGER_SIZES.items() for name in names.split()
}

TAGS: Final[dict[int, TagInfo]] = {tag: TagInfo(tag, name, *_FORMATS[name]) for name, tag in _SMPPLIB_TAGS.items()}
TAG_BY_NAME: Final[dict[str, int]] = {info.name: tag for tag, info in TAGS.items()}

# Values that can hold a person's number or the text of a message; vendor values can hold anything.
_PRIVATE: Final = {
    TAG_BY_NAME[name]
    for name in (
        "message_payload",
        "callback_num",
        "callback_num_atag",
        "source_subaddress",
        "dest_subaddress",
    )
}


@dataclass(frozen=True, slots=True, repr=False)
class Tlv:
    """One optional parameter as it stands on the wire: tag (0..0xFFFF), raw value (at most 65535 octets)."""

    tag: int
    value: bytes = b""

    @classmethod
    def integer(cls, tag: int, number: int) -> Tlv:
        """A TLV of a known integer tag. Raises FieldError: not such a tag, or the number does not fit."""
        info = _info(tag, TlvKind.INTEGER)
        size = info.sizes[1]
        if not 0 <= number < 1 << (8 * size):
            raise FieldError(info.name, f"does not fit in {size} octets")
        return cls(tag, number.to_bytes(size, "big"))

    @classmethod
    def c_string(cls, tag: int, text: str) -> Tlv:
        """A TLV of a known C-octet string tag, the NUL added.

        Raises FieldError: not such a tag, too long, holds a NUL, not Latin-1.
        """
        info = _info(tag, TlvKind.C_STRING)
        try:
            value = text.encode("latin-1")
        except UnicodeEncodeError:
            raise FieldError(info.name, "has characters outside Latin-1") from None
        if b"\0" in value:
            raise FieldError(info.name, "holds a NUL")
        if len(value) >= info.sizes[1]:
            raise FieldError(info.name, f"is longer than {info.sizes[1] - 1} octets")
        return cls(tag, value + b"\0")

    @classmethod
    def octets(cls, tag: int, value: bytes) -> Tlv:
        """A TLV of a known octet string tag. Raises FieldError: not such a tag, or a length not allowed."""
        info = _info(tag, TlvKind.OCTETS)
        least, greatest = info.sizes
        if not least <= len(value) <= greatest:
            raise FieldError(info.name, f"must have {least} to {greatest} octets")
        return cls(tag, value)

    @property
    def name(self) -> str:
        """The specification's name; `0x1400` for a tag it does not list."""
        info = TAGS.get(self.tag)
        return info.name if info else f"0x{self.tag:04X}"

    def as_int(self) -> int | None:
        """The value as a big-endian number, whatever its length; None when it is empty."""
        return int.from_bytes(self.value, "big") if self.value else None

    def as_text(self) -> str:
        """The value as Latin-1 text up to the first NUL; many peers leave the NUL out."""
        return self.value.partition(b"\0")[0].decode("latin-1")

    def __repr__(self) -> str:
        hidden = self.tag in _PRIVATE or self.tag not in TAGS
        shown = f"<{len(self.value)} octets>" if hidden else self.value.hex()
        return f"Tlv({self.name}={shown})"


def _info(tag: int, kind: TlvKind) -> TagInfo:
    info = TAGS.get(tag)
    if info is None or info.kind is not kind:
        raise FieldError(info.name if info else f"0x{tag:04X}", f"is not a TLV of kind {kind.value}")
    return info


def find(tlvs: Iterable[Tlv], tag: int) -> Tlv | None:
    """The first TLV of that tag, or None. Tags may repeat (callback_num)."""
    for tlv in tlvs:
        if tlv.tag == tag:
            return tlv
    return None


def encode_tlvs(tlvs: Iterable[Tlv]) -> bytes:
    """All of them back to back, in the given order. Raises FieldError: tag or length does not fit in 16
    bits.
    """
    chunks: list[bytes] = []
    for tlv in tlvs:
        if not isinstance(tlv.value, bytes):
            raise FieldError(tlv.name, "must be octets")
        if not 0 <= tlv.tag <= 0xFFFF:
            raise FieldError("tlvs", "has a tag outside 0..0xFFFF")
        if len(tlv.value) > MAX_TLV_VALUE:
            raise FieldError(tlv.name, f"is longer than {MAX_TLV_VALUE} octets")
        chunks += (_HEAD.pack(tlv.tag, len(tlv.value)), tlv.value)
    return b"".join(chunks)


def decode_tlvs(data: bytes, start: int) -> tuple[tuple[Tlv, ...], bool]:
    """The TLVs from octet `start` to the end, and whether they were whole.

    A TLV that promises more octets than the PDU has, or a rest of less than four octets, ends the reading:
    what was whole before it is kept, the second value is False.
    """
    found: list[Tlv] = []
    end = len(data)
    while start < end:
        if end - start < _HEAD.size:
            return tuple(found), False
        tag, length = _HEAD.unpack_from(data, start)
        start += _HEAD.size
        if end - start < length:
            return tuple(found), False
        found.append(Tlv(tag, data[start : start + length]))
        start += length
    return tuple(found), True
