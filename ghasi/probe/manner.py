"""How the messages of a run are written: by the operator's rules, as the connector would write them. Pure.

What a message asks about (alphabet, long mode, flash, data_coding) is its own; everything else is the profile's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from ghasi.contracts.sessions import SendRules
from ghasi.probe.errors import ProbeError
from ghasi.profiles.message_options import MessageOptions
from ghasi.smpp.errors import FieldError
from ghasi.sms.coding import Alphabet, FlashMode
from ghasi.sms.segmentation import MAX_PARTS
from ghasi.sms.submit import SubmitOptions
from ghasi.sms.transliteration import Transliteration

EXPIRES_IN: Final = timedelta(hours=1)
"""Of a test message, where the profile writes what is left until `expiresAt`."""
_NAMES: Final = UUID("0d6f7d0e-5d5c-4f5b-9a53-6a1b7f6b5a10")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RECEIPT_WANTED: Final = 0x03
_ASKED: Final[dict[str, Any]] = {
    "alphabet": Alphabet.GSM7,
    "strict": False,
    "long_mode": None,
    "reference_bits": 8,
    "max_parts": MAX_PARTS,
    "flash_mode": FlashMode.DCS,
    "locking": (),
    "single": (),
    "transliteration": Transliteration.OFF,
    "data_codings": None,
    "data_coding_fallback": False,
}
"""What the run finds out, and therefore does not take from the profile."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Manner:
    """`values` are what templates of TLVs may name, beside the ids of each message."""

    rules: SendRules = field(default_factory=SendRules)
    values: Mapping[str, str] = field(default_factory=dict)
    now: datetime = _EPOCH

    def options(self, step: str, start: int, **asked: Any) -> SubmitOptions:
        """For the message of `step`; `asked` is what that step is about. Raises ProbeError: the profile's TLVs cannot
        be written with these values."""
        about = MessageOptions(self.rules)
        message_id = uuid5(_NAMES, f"{start} {step}")
        try:
            options = about.of_message(
                about.fixed,
                message_id=message_id,
                expires_at=self.now + EXPIRES_IN,
                now=self.now,
                values=lambda: {"messageType": "SMS", "encoding": "GSM7"} | dict(self.values) | _ids(message_id),
            )
        except FieldError as error:
            raise ProbeError(f"the profile's {error}: see --account-id and --metadata") from None
        if not options.registered_delivery & _RECEIPT_WANTED:
            # Without receipts most questions stay open.
            options = replace(options, registered_delivery=options.registered_delivery | 1)
        return replace(options, **(_ASKED | asked))


def _ids(message_id: UUID) -> dict[str, str]:
    return {"messageId": str(message_id), "eventId": str(uuid5(message_id, "event"))}
