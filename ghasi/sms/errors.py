"""Why a text or an address cannot be sent; each is permanent for this message (docs/contract.md §2).

The messages never hold the text, a character of it, or a number: they end in logs and dead letters.
"""

from __future__ import annotations


class SmsError(Exception):
    """Base of everything `ghasi.sms` raises on purpose. `reason` is a stable word for records."""

    reason = "bad_sms"


class TextError(SmsError):
    """The text as it stands cannot be sent: the command becomes a dead letter."""

    reason = "bad_text"


class LoneSurrogate(TextError):
    """Half of a surrogate pair: no encoding has octets for it. `position` counts characters from 0."""

    reason = "lone_surrogate"

    def __init__(self, position: int) -> None:
        super().__init__(f"the text holds half of a surrogate pair at character {position}")
        self.position = position


class NotEncodable(TextError):
    """A character outside `coding`, and the caller allowed no other. `position` counts characters from 0."""

    reason = "not_encodable"

    def __init__(self, coding: str, position: int) -> None:
        super().__init__(f"character {position} of the text is not in {coding}")
        self.coding = coding
        self.position = position


class BadHex(TextError):
    """A binary body that is not written in pairs of hexadecimal digits."""

    reason = "bad_hex"

    def __init__(self, field: str = "text") -> None:
        super().__init__(f"{field} is not hexadecimal, two digits an octet")


class BadHeader(TextError):
    """Elements of a user data header that are malformed, or that are not the sender's to write."""

    reason = "bad_header"


class DataCodingNotAllowed(TextError):
    """The operator's list of allowed data_codings has none that this text can travel in."""

    reason = "data_coding_not_allowed"

    def __init__(self, data_coding: int) -> None:
        super().__init__(f"the operator does not take data_coding 0x{data_coding:02X}")
        self.data_coding = data_coding


class NoFlash(TextError):
    """A coding for which data_coding has no value that also says "show at once" (3GPP 23.038 §4)."""

    reason = "no_flash"

    def __init__(self, coding: str) -> None:
        super().__init__(f"data_coding has no flash form for {coding}")
        self.coding = coding


class TooLong(TextError):
    """More parts than a concatenated message may have (255 by 3GPP 23.040 §9.2.3.24.1, or the operator's
    bound).
    """

    reason = "too_long"

    def __init__(self, parts: int, limit: int) -> None:
        super().__init__(f"the text needs {parts} parts, at most {limit} are allowed")
        self.parts = parts
        self.limit = limit


class NotSeptets(SmsError):
    """Octets that are said to be GSM 03.38 have the top bit set. `position` counts octets from 0."""

    reason = "not_septets"

    def __init__(self, position: int) -> None:
        super().__init__(f"octet {position} is above 0x7F and so not GSM 03.38")
        self.position = position


class AddressError(SmsError):
    """A number or a sender that contract §2 does not allow."""

    reason = "bad_address"


class InvalidNumber(AddressError):
    """A destination that is not E.164: 5 to 15 digits with an optional leading +."""

    reason = "bad_destination"


class InvalidSender(AddressError):
    """A sender that is neither a number, nor a short code, nor an alphanumeric name."""

    reason = "bad_sender"
