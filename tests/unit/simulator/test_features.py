import pytest

from ghasi.simulator.features import Part, body, features, part_of, text_start
from ghasi.smpp.pdu import DataSm, SubmitSm
from ghasi.smpp.tlv import Tag, Tlv

UDH8 = bytes.fromhex("050003aa0302")
UDH16 = bytes.fromhex("060804beef0301")
SHIFT_FIRST = bytes.fromhex("08240101 0003aa0303")
SAR = (
    Tlv.integer(Tag.SAR_MSG_REF_NUM, 0x1234),
    Tlv.integer(Tag.SAR_TOTAL_SEGMENTS, 2),
    Tlv.integer(Tag.SAR_SEGMENT_SEQNUM, 2),
)


@pytest.mark.parametrize(
    ("pdu", "part"),
    [
        (SubmitSm(short_message=b"x"), Part(1, 1, None)),
        (SubmitSm(esm_class=0x40, short_message=UDH8 + b"x"), Part(2, 3, 0xAA)),
        (SubmitSm(esm_class=0x43, short_message=UDH16 + b"x"), Part(1, 3, 0xBEEF)),
        (SubmitSm(esm_class=0x40, short_message=SHIFT_FIRST + b"x"), Part(3, 3, 0xAA)),
        (SubmitSm(short_message=UDH8 + b"x"), Part(1, 1, None)),
        (SubmitSm(tlvs=SAR), Part(2, 2, 0x1234)),
        (SubmitSm(esm_class=0x40, short_message=b""), Part(1, 1, None)),
        (SubmitSm(esm_class=0x40, short_message=b"\xff\x00\x03\x01"), Part(1, 1, None)),
        (DataSm(esm_class=0x40, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, UDH8),)), Part(2, 3, 0xAA)),
    ],
)
def test_parts(pdu: SubmitSm | DataSm, part: Part) -> None:
    assert part_of(pdu) == part


@pytest.mark.parametrize(
    ("pdu", "words"),
    [
        (SubmitSm(short_message=b"x"), set()),
        (SubmitSm(registered_delivery=1), {"receiptWanted"}),
        (SubmitSm(registered_delivery=0x10), set()),
        (SubmitSm(esm_class=0x40, short_message=UDH8), {"udh", "laterPart"}),
        (SubmitSm(esm_class=0x40, short_message=UDH16), {"udh", "udh16"}),
        (SubmitSm(tlvs=SAR), {"sar", "laterPart"}),
        (SubmitSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x"),)), {"messagePayload"}),
        (SubmitSm(data_coding=0x10), {"flash"}),
        (SubmitSm(data_coding=0x18), {"flash", "ucs2"}),
        (SubmitSm(data_coding=8), {"ucs2"}),
        (SubmitSm(tlvs=(Tlv.integer(Tag.DEST_ADDR_SUBUNIT, 1),)), {"flash"}),
        (SubmitSm(tlvs=(Tlv.integer(Tag.DEST_ADDR_SUBUNIT, 2),)), set()),
    ],
)
def test_features(pdu: SubmitSm, words: set[str]) -> None:
    assert features(pdu, part_of(pdu)) == words


def test_text() -> None:
    persian = "سلام دنیا"
    assert text_start(SubmitSm(short_message=b"a" * 30)) == "a" * 20
    assert text_start(SubmitSm(data_coding=8, short_message=persian.encode("utf-16-be"))) == persian
    assert text_start(SubmitSm(esm_class=0x40, short_message=UDH8 + b"rest")) == "rest"
    payload = SubmitSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"long"),))
    assert (body(payload), text_start(payload)) == (b"long", "long")
    assert body(DataSm()) == b""
