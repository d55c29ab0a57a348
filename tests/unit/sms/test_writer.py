"""ghasi.sms.writer: what is written at once is what the field tables write."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.errors import FieldError
from ghasi.smpp.pdu import encode_pdu
from ghasi.sms.address import AddressRules
from ghasi.sms.coding import Alphabet, FlashMode, Wanted
from ghasi.sms.errors import InvalidNumber, InvalidSender, NotEncodable, TextError
from ghasi.sms.national import Language
from ghasi.sms.segmentation import LongMode, Strategy
from ghasi.sms.submit import MessageType, SubmitOptions, build_submits, segment_message
from ghasi.sms.transliteration import Transliteration
from ghasi.sms.writer import MOST_SENDERS, SubmitWriter

MESSAGE = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
TO = "+93701234567"

OPTIONS = st.builds(
    SubmitOptions,
    alphabet=st.sampled_from(Alphabet),
    flash_mode=st.sampled_from(FlashMode),
    long_mode=st.sampled_from([None, LongMode.SAR]),
    registered_delivery=st.integers(0, 255),
    esm_class_base=st.sampled_from([0, 3]),
    service_type=st.sampled_from(["", "CMT", "VMA"]),
    priority_flag=st.integers(0, 3),
    validity_period=st.sampled_from(["", "000001000000000R"]),
    user_message_reference=st.sampled_from([None, 7]),
    addresses=st.builds(AddressRules, plus=st.booleans()),
    strict=st.booleans(),
    locking=st.sampled_from([(), (Language.TURKISH,), (Language.PORTUGUESE, Language.HINDI)]),
    single=st.sampled_from([(), (Language.SPANISH,)]),
    transliteration=st.sampled_from(Transliteration),
    data_codings=st.sampled_from([None, frozenset({0, 3, 8, 0x10})]),
    data_coding_fallback=st.booleans(),
    packed=st.booleans(),
)
TEXTS = st.one_of(
    st.text(alphabet="abcßé€[]0 ", max_size=400),
    st.text(alphabet="abçğİş“é", max_size=400),
    st.binary(max_size=300).map(bytes.hex),
    st.text(st.characters(codec="utf-8"), max_size=90),
)


@given(
    TEXTS,
    st.sampled_from(Wanted),
    st.sampled_from(Strategy),
    st.sampled_from(["GHASI", "1234", "+93700000001"]),
    st.sampled_from(MessageType),
    OPTIONS,
)
def test_both_ways_write_the_same_octets(
    text: str, wanted: Wanted, strategy: Strategy, sender: str, message_type: MessageType, options: SubmitOptions
) -> None:
    writer = SubmitWriter(options)
    try:
        segmented = segment_message(text, wanted, strategy, MESSAGE, options, message_type=message_type)
        slow = build_submits(segmented, to=TO, sender=sender, message_type=message_type, options=options)
    except TextError as refusal:
        with pytest.raises(type(refusal), match=re.escape(str(refusal))):
            writer.write(text, wanted, strategy, MESSAGE, to=TO, sender=sender, message_type=message_type)
        return
    pdus, mode, changed = writer.write(
        text, wanted, strategy, MESSAGE, to=TO, sender=sender, message_type=message_type
    )
    assert pdus == [encode_pdu(submit) for submit in slow]
    assert mode is segmented.mode
    assert changed == sum(change.count for change in segmented.changes)


def write(writer: SubmitWriter, text: str = "hello", to: str = TO, sender: str = "GHASI") -> list[bytes]:
    return writer.write(text, Wanted.GSM7, Strategy.CSMS, MESSAGE, to=to, sender=sender)[0]


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"to": "12"}, InvalidNumber), ({"sender": "x" * 12}, InvalidSender), ({"text": "\u0416"}, NotEncodable)],
)
def test_what_cannot_be_sent_is_refused_as_ever(changes: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        write(SubmitWriter(SubmitOptions(strict=True)), **changes)


@pytest.mark.parametrize("name", ["registered_delivery", "esm_class_base", "protocol_id", "priority_flag"])
def test_an_option_that_is_no_octet_is_named(name: str) -> None:
    changes: dict[str, Any] = {name: 256}
    with pytest.raises(FieldError, match=name.removesuffix("_base")):
        write(SubmitWriter(SubmitOptions(**changes)))


def test_many_senders_are_forgotten_in_time() -> None:
    writer = SubmitWriter(SubmitOptions())
    for number in range(MOST_SENDERS + 5):
        write(writer, sender=f"S{number}")
    assert write(writer, sender="S1") == write(SubmitWriter(SubmitOptions()), sender="S1")
    assert len(writer._beginnings) <= MOST_SENDERS
