"""ghasi.smpp.causes and cause_tables: from error codes to causes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.cause_tables import GSM, TABLES, cause_in_network, error_codes
from ghasi.smpp.causes import (
    Cause,
    ErrorCodes,
    ErrorForm,
    Network,
    NetworkError,
    read_network_error,
    says_nothing,
)


class TestCodes:
    @pytest.mark.parametrize(
        ("form", "listed", "sent"),
        [
            ("text", "99", "099"),
            ("text", "E_NETWORK", "e_network"),
            ("text", "CB:0007", "cb:0007"),
            ("dec", "27", "027"),
            ("dec", "27", "0x1B"),
            ("dec", "0x1b", "027"),
            ("hex", "4A6", "4a6"),
            ("hex", "4A6", "0x000004A6"),
            ("hex", "0x4A6", "04A6"),
            ("hex", "10", "010"),
            ("dec", "NOCRED", "nocred"),
        ],
    )
    def test_two_spellings_of_one_code(self, form: str, listed: str, sent: str) -> None:
        codes = ErrorCodes(ErrorForm(form), causes={listed: Cause.CALL_BARRED})
        assert codes.named(sent) is Cause.CALL_BARRED

    @pytest.mark.parametrize(
        ("form", "listed", "sent"),
        [("text", "1B", "27"), ("dec", "27", "1B"), ("hex", "27", "0x1B"), ("dec", "27", "270"), ("dec", "2", "²")],
    )
    def test_two_codes_stay_apart(self, form: str, listed: str, sent: str) -> None:
        assert ErrorCodes(ErrorForm(form), causes={listed: Cause.CALL_BARRED}).named(sent) is None

    @pytest.mark.parametrize(
        ("sent", "number"), [("126", 0x107E), ("019", 0x1013), ("2306", 0x1902), ("000", 0x1000), ("0x107E", 0x107E)]
    )
    def test_gatewayapi_keeps_twelve_bits(self, sent: str, number: int) -> None:
        assert TABLES["gatewayapi"].number(sent) == number

    @given(st.integers(0x1000, 0x1FFF))
    def test_what_gatewayapi_cuts_off_comes_back(self, code: int) -> None:
        assert TABLES["gatewayapi"].number(f"{code & 0xFFF:03d}") == code

    def test_text_has_no_number(self) -> None:
        assert ErrorCodes().number("27") is None
        assert ErrorCodes(ErrorForm.DEC).number("n/a") is None

    @pytest.mark.parametrize(("form", "code"), [("text", "27"), ("dec", "27"), ("hex", "1B")])
    def test_the_tlvs_number_is_looked_up_in_the_operators_form(self, form: str, code: str) -> None:
        assert ErrorCodes(ErrorForm(form), causes={code: Cause.OPTED_OUT}).named_number(27) is Cause.OPTED_OUT

    @given(st.sampled_from(ErrorForm), st.text(max_size=20), st.integers(0, 16), st.integers(0, 70000))
    def test_no_code_raises(self, form: ErrorForm, code: str, low_bits: int, base: int) -> None:
        codes = ErrorCodes(form, low_bits, base, {code: Cause.NO_ROUTE})
        assert codes.named(code) is Cause.NO_ROUTE
        codes.named_number(len(code))

    @pytest.mark.parametrize("code", [None, "", "0", "000", "...", "null", "NONE", "n/a", "-"])
    def test_nothing_is_said(self, code: str | None) -> None:
        assert says_nothing(code)

    @pytest.mark.parametrize("code", ["1", "0A", "x", "1.0", "???"])
    def test_something_is_said(self, code: str) -> None:
        assert not says_nothing(code)


class TestTables:
    def test_a_published_table_says_how_codes_are_written(self) -> None:
        assert error_codes("gatewayapi").named("126") is Cause.OPERATOR_FAULT

    @pytest.mark.parametrize("code", ["27", "0x1B", "027"])
    def test_the_operators_own_causes_come_first(self, code: str) -> None:
        codes = error_codes("gsm", causes={code: Cause.OPTED_OUT})
        assert (codes.named("27"), codes.named("13")) == (Cause.OPTED_OUT, Cause.CALL_BARRED)

    def test_no_table_is_the_operators_own_only(self) -> None:
        assert error_codes(form=ErrorForm.HEX, causes={"A": Cause.NO_ROUTE}).named("00A") is Cause.NO_ROUTE

    def test_an_operator_may_write_a_published_table_in_another_form(self) -> None:
        assert error_codes("gsm", form=ErrorForm.HEX).named("1B") is Cause.ABSENT_SUBSCRIBER

    def test_an_unknown_table(self) -> None:
        with pytest.raises(ValueError, match="no table"):
            error_codes("no such")

    @pytest.mark.parametrize("name", sorted(TABLES))
    def test_no_published_code_says_unknown_or_stands_for_success(self, name: str) -> None:
        codes = TABLES[name]
        assert Cause.UNKNOWN not in codes.causes.values()
        assert codes.named("000") is None
        assert codes.form is not ErrorForm.TEXT


class TestNetworks:
    @pytest.mark.parametrize(
        ("value", "network", "code"),
        [(b"\x03\x00\x1b", 3, 27), (b"\x01\x00\x04", 1, 4), (b"\x1b", None, 27), (b"027", None, 27)],
    )
    def test_a_tlv(self, value: bytes, network: int | None, code: int) -> None:
        assert read_network_error(value) == NetworkError(network, code)

    @pytest.mark.parametrize("value", [None, b"", b"\0\1", b"\0\0\0\1"])
    def test_no_tlv(self, value: bytes | None) -> None:
        assert read_network_error(value) is None

    @pytest.mark.parametrize(
        ("network", "code", "cause"),
        [
            (Network.GSM, 1, Cause.UNKNOWN_SUBSCRIBER),
            (Network.GSM, 13, Cause.CALL_BARRED),
            (Network.GSM, 27, Cause.ABSENT_SUBSCRIBER),
            (Network.GSM, 31, Cause.SUBSCRIBER_BUSY),
            (Network.GSM, 32, None),
            (Network.GSM, 0xD0, Cause.MEMORY_FULL),
            (Network.GSM, 0xD3, Cause.MEMORY_FULL),
            (Network.GSM, 0xFF, None),
            (Network.IS_95, 5, Cause.ABSENT_SUBSCRIBER),
            (Network.ANSI_136, 1, Cause.UNKNOWN_SUBSCRIBER),
            (Network.IS_95_CAUSE, 35, Cause.MEMORY_FULL),
            (Network.MESSAGE_CENTRE, 27, None),
            (None, 27, None),
            (77, 27, None),
        ],
    )
    def test_a_networks_code(self, network: int | None, code: int, cause: Cause | None) -> None:
        assert cause_in_network(NetworkError(network, code)) is cause

    def test_no_error(self) -> None:
        assert cause_in_network(None) is None

    def test_every_code_fits_an_octet_and_zero_is_none(self) -> None:
        assert all(0 < code < 0x100 for code in GSM)


def test_a_cause_is_its_own_name() -> None:
    assert all(cause.value == cause.name for cause in Cause)
    assert max(len(cause.value) for cause in Cause) <= 32
