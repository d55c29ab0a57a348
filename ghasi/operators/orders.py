"""What the commands bind, unbind and drain have in common."""

from __future__ import annotations

import getpass
import json
from typing import Any, ClassVar
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.bus import BusError, BusSettings
from ghasi.operators.control import Carried, Order, carry_out

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOBODY = 3

EXIT_CODES = "Exit codes: 0 done, 1 failed or refused, 2 wrong usage or settings, 3 kept, but no gateway answered."


def operator_ids(values: list[str]) -> list[str]:
    """UUIDs in lower case; raises CommandError."""
    try:
        return [str(UUID(value)) for value in values]
    except ValueError:
        raise CommandError("an operator is named by its UUID", returncode=EXIT_USAGE) from None


class OrderCommand(BaseCommand):
    """Writes the wanted state of operators and tells the gateways; subclasses say which."""

    action: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", nargs="+", help="operator id (UUID)")
        parser.add_argument("--reason", default="", help="why, kept with the wanted state and logged")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        orders = [
            Order(operator_id, self.action, getpass.getuser(), options["reason"])
            for operator_id in operator_ids(options["operator"])
        ]
        try:
            carried = carry_out(BusSettings.from_env(), orders)
        except BusError as error:
            raise CommandError(str(error), returncode=EXIT_FAILED) from None
        self._tell(carried, as_json=options["json"])
        if any(one.refused for one in carried):
            raise SystemExit(EXIT_FAILED)
        if not any(one.answers for one in carried):
            raise SystemExit(EXIT_NOBODY)

    def _tell(self, carried: list[Carried], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"action": self.action, "operators": [_told(one) for one in carried]}))
            return
        for one in carried:
            for answer in one.answers:
                word = "ok" if answer.ok else "refused"
                self.stdout.write(f"{one.order.operator_id} {answer.replica}: {word} {answer.detail}".rstrip())
            if not one.answers:
                self.stdout.write(f"{one.order.operator_id}: kept; no gateway answered")


def _told(one: Carried) -> dict[str, object]:
    answers = [{"replica": a.replica, "ok": a.ok, "detail": a.detail} for a in one.answers]
    return {"operatorId": one.order.operator_id, "answers": answers}
