"""From an operator's rules to what writes a command's PDUs (docs/profiles.md). Pure."""

from __future__ import annotations

from datetime import datetime

from ghasi.contracts.commands import SmsDispatchCommand
from ghasi.contracts.sessions import SendRules
from ghasi.profiles.message_options import MessageOptions
from ghasi.sms.segmentation import Strategy
from ghasi.sms.writer import SubmitWriter
from workers.by_rules import ByRules


class Writers:
    """Of one set of rules. Raises ValueError on a word nobody knows, InvalidTemplate on a template that is none."""

    def __init__(self, rules: SendRules) -> None:
        self._options = MessageOptions(rules)
        self._writers = {strategy: SubmitWriter(self._options.of_strategy(strategy)) for strategy in Strategy}

    def writer(self, command: SmsDispatchCommand, strategy: Strategy, now: datetime) -> SubmitWriter:
        """What writes the PDUs of this command. Raises FieldError."""
        writer = self._writers[strategy]
        if not self._options.vary:
            return writer
        options = self._options.of_message(
            writer.options,
            message_id=command.message_id,
            expires_at=command.expires_at,
            now=now,
            values=lambda: _values(command),
        )
        return SubmitWriter(options)


writers_of = ByRules(Writers)
"""The writers of an operator's rules."""


def _values(command: SmsDispatchCommand) -> dict[str, str]:
    """The fields a template may name; neither text nor destination is among them."""
    values = {
        "messageId": str(command.message_id),
        "eventId": str(command.event_id),
        "accountId": command.account_id,
        "operatorId": str(command.operator_id),
        "messageType": command.message_type,
        "encoding": command.encoding,
    }
    if isinstance(command.metadata, dict):
        for name, value in command.metadata.items():
            if isinstance(value, str | int) and not isinstance(value, bool):
                values[f"metadata.{name}"] = str(value)
    return values
