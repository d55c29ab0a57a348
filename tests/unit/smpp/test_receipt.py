"""ghasi.smpp.receipt: what the corpus of receipts (test_receipt_corpus.py) leaves open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.cause_tables import TABLES
from ghasi.smpp.causes import Cause
from ghasi.smpp.pdu import DeliverSm
from ghasi.smpp.receipt import IdSource, Receipt, ReceiptRules, Unreadable, id_keys, parse_receipt
from ghasi.smpp.receipt_states import WORDS, DlrState, dlr_state, state_of_number, state_of_word
from ghasi.smpp.receipt_text import FIELD_NAMES, check_key
from ghasi.smpp.tlv import Tag, Tlv

MODEL = b"id:0123456789 sub:001 dlvrd:001 submit date:0809011130 done date:0809011131 stat:DELIVRD err:000 text:x"


def _deliver(body: bytes, esm_class: int = 4, *tlvs: Tlv, data_coding: int = 0) -> DeliverSm:
    return DeliverSm(esm_class=esm_class, short_message=body, tlvs=tlvs, data_coding=data_coding)


class TestMessages:
    @pytest.mark.parametrize(
        "text",
        [
            "Hello, is anybody there?",
            "my id:5 please",
            "id:5 stat:good",
            "stat:DELIVRD",
            "a,b,c,d,e",
            "",
            "text:id:1 stat:DELIVRD err:000",
        ],
    )
    def test_is_no_receipt(self, text: str) -> None:
        assert parse_receipt(_deliver(text.encode(), 0)) == Receipt(is_receipt=False)

    def test_ucs2_message_is_no_receipt(self) -> None:
        assert not parse_receipt(_deliver("سلام".encode("utf-16-be"), 0, data_coding=8)).is_receipt

    def test_unmarked_receipts_can_be_switched_off(self) -> None:
        assert not parse_receipt(_deliver(MODEL, 0), ReceiptRules(unmarked=False)).is_receipt

    @pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18])
    def test_acknowledgement_by_a_person_is_no_receipt(self, esm_class: int) -> None:
        assert not parse_receipt(_deliver(b"yes", esm_class)).is_receipt

    @pytest.mark.parametrize("esm_class", [0x04, 0x07, 0x84, 0xC4])
    def test_other_bits_do_not_hide_the_mark(self, esm_class: int) -> None:
        assert parse_receipt(_deliver(b"x", esm_class)).is_receipt


class TestRules:
    def test_zone_of_the_operator(self) -> None:
        kabul = timezone(timedelta(hours=4, minutes=30))
        receipt = parse_receipt(_deliver(MODEL), ReceiptRules(zone=kabul))
        assert receipt.done_date == datetime(2008, 9, 1, 11, 31)
        assert receipt.done_at == datetime(2008, 9, 1, 7, 1, tzinfo=UTC)

    def test_columns_of_a_comma_separated_receipt(self) -> None:
        rules = ReceiptRules(columns=("stat", "done_date", "submit_date", "", "", "id", "text"), words={"00": 2})
        receipt = parse_receipt(_deliver(b"00,0210021543,0210021500,,447887123456,1011,we,23"), rules)
        assert receipt.readable
        assert (receipt.id, receipt.stat, receipt.state) == ("1011", "00", DlrState.DELIVERED)
        assert receipt.done_date == datetime(2002, 10, 2, 15, 43)
        assert receipt.text == "we,23"

    def test_words_of_the_operator(self) -> None:
        body = MODEL.replace(b"DELIVRD", b"Absent")
        receipt = parse_receipt(_deliver(body), ReceiptRules(words={"ABSENT": 5}))
        assert (receipt.stat, receipt.state, receipt.final) == ("Absent", DlrState.UNDELIVERABLE, True)

    def test_unknown_is_final_only_by_rule(self) -> None:
        body = MODEL.replace(b"DELIVRD", b"UNKNOWN")
        assert not parse_receipt(_deliver(body)).final
        assert parse_receipt(_deliver(body), ReceiptRules(unknown_is_final=True)).final

    def test_an_unlisted_word_is_not_final_even_then(self) -> None:
        body = MODEL.replace(b"DELIVRD", b"PONDERD")
        assert not parse_receipt(_deliver(body), ReceiptRules(unknown_is_final=True)).final

    def test_own_decoder(self) -> None:
        rules = ReceiptRules(decode=lambda data, *_: data.decode("utf-16-be")[::-1])
        receipt = parse_receipt(_deliver(MODEL.decode()[::-1].encode("utf-16-be")), rules)
        assert receipt.id == "0123456789"


class TestTlvs:
    def test_a_state_nobody_lists_does_not_hide_the_word(self) -> None:
        receipt = parse_receipt(_deliver(MODEL, 4, Tlv(Tag.MESSAGE_STATE, b"\x63")))
        assert (receipt.message_state, receipt.state) == (99, DlrState.DELIVERED)

    def test_a_state_nobody_lists_alone_is_unknown(self) -> None:
        tlvs = (Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1\0"), Tlv(Tag.MESSAGE_STATE, b"\x63"))
        receipt = parse_receipt(_deliver(b"", 4, *tlvs))
        assert (receipt.readable, receipt.state, receipt.final) == (True, DlrState.UNKNOWN, False)

    def test_state_and_nul(self) -> None:
        assert parse_receipt(_deliver(MODEL, 4, Tlv(Tag.MESSAGE_STATE, b"\x05\x00"))).message_state == 5

    def test_blank_id_falls_back_to_the_text(self) -> None:
        assert parse_receipt(_deliver(MODEL, 4, Tlv(Tag.RECEIPTED_MESSAGE_ID, b" \0"))).id == "0123456789"

    def test_id_and_state_given_leave_the_text_alone(self) -> None:
        tlvs = (Tlv(Tag.RECEIPTED_MESSAGE_ID, b"77\0"), Tlv(Tag.MESSAGE_STATE, b"\x02"))
        receipt = parse_receipt(_deliver(b"err:000 text:id:9 stat:UNDELIV err:5", 4, *tlvs))
        assert (receipt.ids, receipt.stat, receipt.state) == (("77",), None, DlrState.DELIVERED)
        assert (receipt.error, receipt.text) == ("000", "id:9 stat:UNDELIV err:5")

    def test_user_message_reference_is_kept_raw(self) -> None:
        receipt = parse_receipt(_deliver(MODEL, 4, Tlv(Tag.USER_MESSAGE_REFERENCE, b"order 7")))
        assert receipt.user_message_reference == b"order 7"

    def test_keys_of_both_ids(self) -> None:
        receipt = parse_receipt(_deliver(MODEL, 4, Tlv(Tag.RECEIPTED_MESSAGE_ID, b"7B@x\0")))
        assert receipt.lookup_keys() == ["7b@x", "123456789"]


class TestText:
    def test_text_in_the_middle_with_a_false_state_inside(self) -> None:
        receipt = parse_receipt(_deliver(b"id:1 text:my stat:UNDELIV or so stat:DELIVRD err:000"))
        assert (receipt.stat, receipt.text) == ("DELIVRD", "my stat:UNDELIV or so ")

    def test_state_missing_and_nothing_well_formed_behind_the_text(self) -> None:
        receipt = parse_receipt(_deliver(b"id:1 err:000 text:what a stat: no good one"))
        assert receipt.unreadable is Unreadable.NO_STATE
        assert receipt.text == "what a stat: no good one"

    def test_null_words_are_no_id_and_no_state(self) -> None:
        assert parse_receipt(_deliver(b"id:null stat:DELIVRD err:000")).unreadable is Unreadable.NO_ID
        assert parse_receipt(_deliver(b"id:1 stat:- err:000")).unreadable is Unreadable.NO_STATE

    def test_unknown_key_ends_a_value(self) -> None:
        assert parse_receipt(_deliver(b"id:12 mcc:412 stat:DELIVRD err:000")).id == "12"

    def test_punctuated_date(self) -> None:
        receipt = parse_receipt(_deliver(b"id:1 done date:2015-06-20 16:41:07 stat:DELIVRD"))
        assert receipt.done_date == datetime(2015, 6, 20, 16, 41, 7)

    @pytest.mark.parametrize("value", ["", "0", "1513011200", "150620", "99999999999999", "null", "180711070003999?"])
    def test_impossible_date(self, value: str) -> None:
        receipt = parse_receipt(_deliver(f"id:1 done date:{value} stat:DELIVRD err:0 text:".encode()))
        assert (receipt.readable, receipt.done_date, receipt.done_at) == (True, None, None)

    def test_offset_of_a_day_or_more_is_left_out(self) -> None:
        receipt = parse_receipt(_deliver(b"id:1 done date:180711070003999+ stat:DELIVRD err:0"))
        assert receipt.done_at == datetime(2018, 7, 11, 7, 0, 3, tzinfo=UTC)

    def test_impossible_date_with_offset(self) -> None:
        assert parse_receipt(_deliver(b"id:1 done date:181311070003000+ stat:DELIVRD")).done_date is None

    def test_repr_hides_the_text(self) -> None:
        assert "secret" not in repr(parse_receipt(_deliver(MODEL + b"secret")))


@given(st.binary(max_size=254), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=70))
def test_never_raises(body: bytes, esm_class: int, data_coding: int, tlv: bytes) -> None:
    tlvs = (Tlv(Tag.RECEIPTED_MESSAGE_ID, tlv), Tlv(Tag.MESSAGE_STATE, tlv), Tlv(Tag.NETWORK_ERROR_CODE, tlv))
    for taken in ((), tlvs[:1], tlvs):
        receipt = parse_receipt(_deliver(body, esm_class, *taken, data_coding=data_coding))
        assert receipt.error_code is None or receipt.is_receipt


_TOKENS = st.sampled_from(
    [
        "id:",
        "stat:",
        "err:",
        "text:",
        "submit date:",
        "done date:",
        "sub:",
        "1",
        "DELIVRD",
        "UNDELIV",
        " ",
        "x",
        "0809",
    ]
)


@given(st.lists(_TOKENS, max_size=30).map("".join))
def test_any_order_of_keys_is_read_and_a_complete_head_is_never_overridden(tail: str) -> None:
    receipt = parse_receipt(_deliver(MODEL + tail.encode()))
    assert (receipt.id, receipt.stat, receipt.error) == ("0123456789", "DELIVRD", "000")
    assert receipt.text == "x" + tail
    parse_receipt(_deliver(tail.encode()))


@given(st.permutations(["id:12", "sub:001", "dlvrd:001", "submit date:0809011130", "stat:EXPIRED", "err:042"]))
def test_order_is_free(fields: list[str]) -> None:
    receipt = parse_receipt(_deliver(" ".join([*fields, "text:hi"]).encode()))
    assert (receipt.id, receipt.stat, receipt.error, receipt.text) == ("12", "EXPIRED", "042", "hi")
    assert receipt.submit_date == datetime(2008, 9, 1, 11, 30)


class TestStates:
    @pytest.mark.parametrize(
        ("number", "state"),
        [
            (0, "ACCEPTED"),
            (1, "ACCEPTED"),
            (2, "DELIVERED"),
            (3, "EXPIRED"),
            (4, "DELETED"),
            (5, "UNDELIVERABLE"),
            (6, "ACCEPTED"),
            (7, "UNKNOWN"),
            (8, "REJECTED"),
            (9, "UNDELIVERABLE"),
            (10, "UNKNOWN"),
        ],
    )
    def test_number(self, number: int, state: str) -> None:
        assert dlr_state(state_of_number(number)).value == state

    @pytest.mark.parametrize(
        ("words", "number"),
        [
            ("SCHEDLD SCHEDULED", 0),
            ("ENROUTE BUFFERD BUFFRED ACKED", 1),
            ("DELIVRD DELIVERED Delivrd delivered", 2),
            ("EXPIRED", 3),
            ("DELETED", 4),
            ("UNDELIV UNDELIVERABLE FAILED", 5),
            ("ACCEPTD ACCEPTED", 6),
            ("UNKNOWN", 7),
            ("REJECTD REJECTED NACK", 8),
            ("SKIPPED", 9),
        ],
    )
    def test_word(self, words: str, number: int) -> None:
        assert [state_of_word(word) for word in words.split()] == [number] * len(words.split())

    @pytest.mark.parametrize("word", ["", "GONE", "10", "255", "1e3", "²", "99999", "UNDELIVERED!"])
    def test_unlisted_word(self, word: str) -> None:
        assert state_of_word(word) is None

    def test_every_word_has_at_most_fourteen_letters_in_capitals(self) -> None:
        assert all(word.isupper() and len(word) <= 14 for word in WORDS)


class TestIds:
    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("0972660181", "972660181"),
            ("04062581461565934000241", "4062581461565934000241"),
            ("1101C1-0A", "1101c1-0a"),
            ("00ABCDEF", "abcdef"),
            ("9380935605053030457", "9380935605053030457"),
            ("77\0", " 77 "),
            ("000", "0"),
        ],
    )
    def test_two_spellings_meet(self, ours: str, theirs: str) -> None:
        assert id_keys(ours) == id_keys(theirs)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("0e999f21-3c44-4d53-8b9e-1f2a3b4c5d6e", "e999f21-3c44-4d53-8b9e-1f2a3b4c5d6e"),
            ("9380935605053030457", "9380935605053030458"),
            ("0x12", "12"),
            ("0-1", "-1"),
        ],
    )
    def test_two_ids_stay_apart(self, one: str, other: str) -> None:
        assert id_keys(one) != id_keys(other)

    def test_no_id_no_key(self) -> None:
        assert id_keys("") == id_keys(" \0") == []

    @pytest.mark.parametrize(
        ("hexadecimal", "decimal"),
        [("3A", "58"), ("0x3a", "00058"), ("822F5F1A2C3D4E59", str(0x822F5F1A2C3D4E59)), ("F" * 32, str(2**128 - 1))],
    )
    def test_hex_in_the_response_and_decimal_in_the_receipt(self, hexadecimal: str, decimal: str) -> None:
        assert id_keys(hexadecimal, base="hex") == id_keys(decimal, base="dec")

    def test_base_is_never_guessed(self) -> None:
        assert id_keys("1000000") == ["1000000"]
        assert id_keys("1000000", base="hex") != id_keys("1000000", base="dec")

    def test_the_text_of_one_id_never_equals_the_number_of_another(self) -> None:
        assert not set(id_keys("16", base="hex")) & set(id_keys("16", base="dec"))
        assert not set(id_keys("#16")) & set(id_keys("016", base="dec")) - {"#16"}

    @pytest.mark.parametrize("base", ["hex", "dec"])
    def test_no_number_keeps_its_text(self, base: str) -> None:
        assert id_keys("0E999F21-x", base=base) == ["0e999f21-x"]
        assert id_keys("9" * 65 + "g", base=base) == ["9" * 65 + "g"]

    def test_unknown_base(self) -> None:
        with pytest.raises(ValueError):
            id_keys("1", base="octal")

    @given(st.integers(0, 2**200))
    def test_numbers_of_any_size(self, number: int) -> None:
        assert id_keys(f"{number:X}", base="hex") == id_keys(f"{number:064d}", base="dec") == [f"#{number}"]


_KEYS = st.dictionaries(
    st.text(st.characters(codec="latin-1", exclude_characters="\n"), min_size=1, max_size=6).filter(str.strip),
    st.sampled_from(FIELD_NAMES),
    max_size=3,
)
_DIALECTS = st.builds(
    ReceiptRules,
    words=st.dictionaries(st.sampled_from(["DELIVRD", "GONE", "00"]), st.integers(0, 255), max_size=2),
    keys=_KEYS,
    mark=st.sampled_from([":", "=", "->", ".", ""]),
    columns=st.lists(st.sampled_from(["", *FIELD_NAMES]), unique=True, max_size=5).map(tuple),
    separator=st.sampled_from([",", ";", "|", " ", "::", ""]),
    date_forms=st.lists(st.sampled_from(["unix", "unixms", "YYMMDDhhmm", "DD/MM/YY", "?"]), max_size=2).map(tuple),
    id_source=st.sampled_from(IdSource),
    id_prefix=st.text(max_size=2),
    id_cut=st.text(max_size=2),
    errors=st.sampled_from(list(TABLES.values())),
)


class TestDialects:
    @given(_DIALECTS, st.binary(max_size=200), st.integers(0, 255), st.binary(max_size=20))
    def test_never_raises(self, rules: ReceiptRules, body: bytes, esm_class: int, tlv: bytes) -> None:
        tlvs = (Tlv(Tag.RECEIPTED_MESSAGE_ID, tlv), Tlv(Tag.NETWORK_ERROR_CODE, tlv))
        for taken in ((), tlvs):
            receipt = parse_receipt(_deliver(body, esm_class, *taken), rules)
            receipt.lookup_keys()
            assert receipt.unreadable is not None or receipt.ids or not receipt.is_receipt

    @given(_DIALECTS, st.lists(_TOKENS, max_size=20).map("".join))
    def test_never_raises_for_what_looks_like_a_receipt(self, rules: ReceiptRules, body: str) -> None:
        parse_receipt(_deliver(body.encode()), rules)

    @given(st.permutations(["Ref=12", "State=EXPIRED", "Why=42", "Done At=0809011130"]))
    def test_order_is_free_with_keys_of_its_own(self, fields: list[str]) -> None:
        rules = ReceiptRules(
            keys={"ref": "id", "state": "stat", "why": "err", "done at": "done_date", "said": "text"}, mark="="
        )
        receipt = parse_receipt(_deliver("; ".join([*fields, "said=Why=7"]).encode()), rules)
        assert (receipt.id, receipt.stat, receipt.error, receipt.text) == ("12", "EXPIRED", "42", "Why=7")
        assert receipt.done_date == datetime(2008, 9, 1, 11, 30)

    def test_the_longer_of_two_keys_is_read(self) -> None:
        rules = ReceiptRules(keys={"ref": "sub", "ref id": "id"})
        assert parse_receipt(_deliver(b"ref:001 ref id:77 stat:DELIVRD"), rules).id == "77"

    @pytest.mark.parametrize(("key", "name"), [("ref", "message"), ("", "id"), (" ", "id")])
    def test_a_key_that_names_no_field_is_refused_and_never_read(self, key: str, name: str) -> None:
        with pytest.raises(ValueError, match="a key"):
            check_key(key, name)
        assert parse_receipt(_deliver(MODEL), ReceiptRules(keys={key: name})).id == "0123456789"

    def test_a_form_that_is_none_is_never_read(self) -> None:
        plain = parse_receipt(_deliver(MODEL))
        assert parse_receipt(_deliver(MODEL), ReceiptRules(date_forms=("YYYYY", ""))).done == plain.done

    def test_a_text_without_keys_needs_its_separator(self) -> None:
        rules = ReceiptRules(columns=("id", "stat"), separator=";")
        assert parse_receipt(_deliver(b"1,DELIVRD,x,y"), rules).unreadable is Unreadable.NO_FIELDS
        assert parse_receipt(_deliver(b"1;DELIVRD;x;y"), rules).id == "1"
        assert parse_receipt(_deliver(b"1;DELIVRD;x;y"), ReceiptRules(separator=";")).unreadable is (
            Unreadable.COMMA_SEPARATED
        )

    def test_two_separators_do_for_three_columns(self) -> None:
        rules = ReceiptRules(columns=("id", "stat", "err"))
        assert parse_receipt(_deliver(b"1,DELIVRD,0"), rules).id == "1"
        assert parse_receipt(_deliver(b"1 DELIVRD"), rules).unreadable is Unreadable.NO_FIELDS

    @pytest.mark.parametrize(("text", "receipt"), [(b"Hi,there,you,all", False), (b"17,DELIVRD,000,x", True)])
    def test_a_persons_message_with_commas_is_no_receipt(self, text: bytes, receipt: bool) -> None:
        rules = ReceiptRules(columns=("id", "stat", "err", "text"))
        assert parse_receipt(_deliver(text, 0), rules).is_receipt is receipt

    def test_an_id_is_cut_for_looking_it_up_only(self) -> None:
        rules = ReceiptRules(id_prefix="MSG-", id_cut="@")
        receipt = parse_receipt(_deliver(b"id:MSG-00A1@smsc stat:DELIVRD err:0"), rules)
        assert (receipt.id, receipt.lookup_keys()) == ("MSG-00A1@smsc", ["a1"])

    def test_of_an_id_that_is_all_suffix_nothing_is_looked_for(self) -> None:
        assert parse_receipt(_deliver(b"id:@smsc stat:DELIVRD"), ReceiptRules(id_cut="@")).lookup_keys() == []

    @pytest.mark.parametrize(
        ("state", "cause"), [(b"\x02", None), (b"\x05", Cause.ABSENT_SUBSCRIBER), (b"\x01", Cause.ABSENT_SUBSCRIBER)]
    )
    def test_only_what_is_not_delivered_has_a_cause(self, state: bytes, cause: Cause | None) -> None:
        tlvs = (Tlv(Tag.MESSAGE_STATE, state), Tlv(Tag.NETWORK_ERROR_CODE, b"\3\0\x1b"))
        assert parse_receipt(_deliver(b"id:1", 4, *tlvs)).cause is cause


@pytest.mark.parametrize("white", ["\x0b", "\x0c", "\x1c", "\x85", "\xa0"])
def test_a_value_of_nothing_but_rare_white_space_is_empty(white: str) -> None:
    read = parse_receipt(DeliverSm(esm_class=0x04, short_message=f"id:{white} stat:{white}".encode("latin-1")))
    assert read.unreadable is not None
    assert read.ids == ()
