"""What an operator's rules make of one message: the options its submit_sm PDUs are built by (docs/profiles.md). Pure.

What holds for all messages is made once, what differs from message to message at each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from ghasi.contracts.rules import TlvToSend, ValidityForm
from ghasi.contracts.sessions import SendRules
from ghasi.profiles.places import zone_or_utc
from ghasi.profiles.submit_options import long_mode, submit_options
from ghasi.profiles.template import NoValue, Template
from ghasi.smpp.errors import FieldError
from ghasi.smpp.times import absolute_time, relative_time
from ghasi.smpp.tlv import Tlv
from ghasi.sms.reference import message_reference
from ghasi.sms.segmentation import LongMode, Strategy
from ghasi.sms.submit import SubmitOptions

Values = Mapping[str, str]
"""What templates of TLVs may name (ghasi.profiles.template)."""


@dataclass(frozen=True, slots=True)
class _Send:
    """A TLV to send and its template, read."""

    rule: TlvToSend
    template: Template

    def tlv(self, values: Values) -> Tlv | None:
        """Raises FieldError where these fields give no value that the encoding can hold."""
        try:
            value = self.template.render(values, self.rule.encoding, self.rule.octets)
        except NoValue as error:
            raise FieldError(f"TLV 0x{self.rule.tag:04X}", str(error)) from None
        return None if value is None else Tlv(self.rule.tag, value)


class MessageOptions:
    """Of one set of rules. Raises ValueError on a word nobody knows, InvalidTemplate on a template that is none."""

    def __init__(self, rules: SendRules) -> None:
        if rules.reference_bits not in (8, 16):
            raise ValueError("a concatenation reference has 8 or 16 bits")
        sends = [_Send(one, Template(one.value)) for one in rules.tlvs]
        self._rules = rules
        self._zone = zone_or_utc(rules.validity.zone)
        self._varying = [one for one in sends if one.template.varies]
        self.fixed = _with_tlvs(submit_options(rules), [one for one in sends if not one.template.varies], {})
        """What holds for all messages, whatever their strategy."""
        self.vary = bool(
            self._varying or rules.user_message_reference or rules.validity.form is not ValidityForm.NONE
        )
        """Whether anything differs from message to message."""

    def of_strategy(self, strategy: Strategy) -> SubmitOptions:
        """`fixed`, and what the rules make of the strategy; its own mode needs no saying."""
        mode = long_mode(self._rules, strategy)
        return self.fixed if mode is LongMode.of(strategy) else replace(self.fixed, long_mode=mode)

    def of_message(
        self,
        options: SubmitOptions,
        *,
        message_id: UUID,
        expires_at: datetime,
        now: datetime,
        values: Callable[[], Values],
    ) -> SubmitOptions:
        """`options` with what is this message's own; `values` is asked where a template names any. Raises
        FieldError."""
        rules = self._rules
        if rules.user_message_reference:
            options = replace(options, user_message_reference=message_reference(message_id))
        if rules.validity.form is not ValidityForm.NONE:
            options = replace(options, validity_period=self._validity(expires_at - now, now))
        return _with_tlvs(options, self._varying, values()) if self._varying else options

    def _validity(self, left: timedelta, now: datetime) -> str:
        rule = self._rules.validity
        left = timedelta(seconds=rule.seconds) if rule.seconds else left
        if rule.most:
            left = min(left, timedelta(seconds=rule.most))
        if rule.form is ValidityForm.RELATIVE:
            return relative_time(left)
        return absolute_time(now + max(left, timedelta(seconds=1)), self._zone)


def _with_tlvs(options: SubmitOptions, sends: Sequence[_Send], values: Values) -> SubmitOptions:
    """`options` and those of `sends` that these values give something for. Raises FieldError."""
    found: dict[str, list[Tlv]] = {"all": [], "first": [], "last": []}
    for one in sends:
        tlv = one.tlv(values)
        if tlv is not None:
            found[one.rule.parts].append(tlv)
    return replace(
        options,
        tlvs=(*options.tlvs, *found["all"]),
        first_tlvs=(*options.first_tlvs, *found["first"]),
        last_tlvs=(*options.last_tlvs, *found["last"]),
    )
