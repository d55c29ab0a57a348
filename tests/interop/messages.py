"""The messages that the dialect suite sends in every case, and how an SMSC must have got them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ghasi.sms import gsm7


@dataclass(frozen=True)
class Message:
    """A kind of message. `parts` counts PDUs; `ending` chooses what the SMSC does (tests/interop/peers/rules.md)."""

    text: str
    strategy: str
    parts: int
    ending: str = "100"
    ucs2: bool = False

    @property
    def delivered(self) -> bool:
        return self.ending != "027"

    @property
    def early(self) -> int:
        """Receipts that come before the final one."""
        return 1 if self.ending == "001" else 0

    @property
    def receipts(self) -> int:
        return self.parts + self.early


MESSAGES: Final = {
    "single": Message("Your code is 482913, 5 €", "CSMS", 1),
    "csms": Message("long text [1] € " * 20, "CSMS", 3),
    "csms-ucs2": Message("سلام، کد شما ۴۸۲۹۱۳ است 😀 " * 4, "CSMS", 2, ucs2=True),
    "tlv": Message("long text [1] € " * 20, "TLV", 1),
    "on-its-way": Message("patience", "CSMS", 1, ending="001"),
    "undelivered": Message("nobody there", "CSMS", 1, ending="027"),
}


def text_of(submits: list[dict[str, Any]], message: Message, long: str) -> str:
    """The text as a phone would put it together from the SMSC's lines; raises AssertionError where a part is not as
    the case's long mode (LONG_MODES) has it."""
    assert {one["data_coding"] for one in submits} == {8 if message.ucs2 else 0}
    if message.strategy == "TLV":
        bodies = [_payload(submits)]
    elif message.parts == 1:
        (one,) = submits
        assert (one["esm_class"], one["tlvs"]) == (0, [])
        bodies = [bytes.fromhex(one["short_message"])]
    else:
        bodies = _joined([_sar(one) if long == "sar" else _udh(one, long) for one in submits], message.parts)
    whole = b"".join(bodies)
    return whole.decode("utf-16-be") if message.ucs2 else gsm7.decode(whole)


def _payload(submits: list[dict[str, Any]]) -> bytes:
    (one,) = submits
    assert (one["esm_class"], one["short_message"]) == (0, "")
    ((name, value),) = one["tlvs"]
    assert name == "message_payload"
    return bytes.fromhex(value)


Piece = tuple[int, int, int, bytes]
"""Reference, number of parts, number of this one, its text."""


def _udh(submit: dict[str, Any], long: str) -> Piece:
    assert (submit["esm_class"], submit["tlvs"]) == (0x40, [])
    octets = bytes.fromhex(submit["short_message"])
    width = 2 if long == "udh16" else 1
    assert octets[:3] == (b"\6\x08\4" if width == 2 else b"\5\0\3")
    return int.from_bytes(octets[3 : 3 + width], "big"), octets[3 + width], octets[4 + width], octets[5 + width :]


def _sar(submit: dict[str, Any]) -> Piece:
    assert submit["esm_class"] == 0
    values = {name: bytes.fromhex(value) for name, value in submit["tlvs"]}
    assert {name: len(value) for name, value in values.items()} == {
        "sar_msg_ref_num": 2,
        "sar_total_segments": 1,
        "sar_segment_seqnum": 1,
    }
    reference, total, part = (int.from_bytes(values[f"sar_{name}"], "big") for name in _SAR)
    return reference, total, part, bytes.fromhex(submit["short_message"])


_SAR: Final = ("msg_ref_num", "total_segments", "segment_seqnum")


def _joined(pieces: list[Piece], parts: int) -> list[bytes]:
    """Their texts in order. In which order an SMSC logs them is not asked: not every server keeps it."""
    assert sorted((total, part) for _, total, part, _ in pieces) == [(parts, part) for part in range(1, parts + 1)]
    assert len({reference for reference, *_ in pieces}) == 1
    return [body for *_, body in sorted(pieces, key=lambda piece: piece[2])]
