"""Septets packed into octets, as they are on the air (3GPP 23.038 §6.1.2.1).

SMPP carries GSM 03.38 with one septet an octet; a few SMSCs want it packed behind data_coding 0 instead. sm_length
then counts octets, and a receiver that reckons from it would take seven spare bits for one more `@`. They hold a CR
therefore, as where no length in septets is sent either (§6.1.2.3.1).
"""

from __future__ import annotations

from typing import Final

_CR: Final = 0x0D


def fill_bits(header_octets: int) -> int:
    """Bits between a user data header and the first septet, which starts at a septet boundary (3GPP 23.040
    §9.2.3.24)."""
    return -header_octets * 8 % 7


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Eight septets into seven octets, after `fill` zero bits (0 to 6)."""
    value = 0
    for septet in reversed(septets):
        value = value << 7 | septet
    bits = fill + 7 * len(septets)
    if bits % 8 == 1:
        value |= _CR << 7 * len(septets)
    return (value << fill).to_bytes((bits + 7) // 8, "little")


def unpack_exact(octets: bytes, header_octets: int = 0) -> bytes | None:
    """The septets behind a user data header of that length; None where bits are set that belong to none of them, so
    that the octets are no packed septets. Octets that are something else may fit all the same."""
    fill = fill_bits(header_octets)
    septets = unpack(octets, fill)
    return septets if pack(septets, fill) == octets else None


def unpack(octets: bytes, fill: int = 0, *, padding: bytes = b"\r") -> bytes:
    """The septets in `octets`, after `fill` bits. Of seven spare bits at the end one more septet may come: it is
    left out where it is one of `padding`, as the CR that `pack` puts there."""
    value = int.from_bytes(octets, "little") >> fill
    count = max(0, len(octets) * 8 - fill) // 7
    septets = bytes(value >> 7 * place & 0x7F for place in range(count))
    if septets and septets[-1] in padding and (fill + 7 * (count - 1)) % 8 == 1:
        return septets[:-1]
    return septets
