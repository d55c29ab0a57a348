"""What the commands bind, unbind, drain and rebind have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from ghasi.bus import BusError, BusSettings
from ghasi.database.base import NoDatabase
from ghasi.env import SettingsError
from ghasi.management.exits import EXIT_NO, EXIT_OPEN, EXIT_USAGE, servers_needed
from ghasi.operators.actions import Result
from ghasi.operators.control import WANTED, Carried, Order, carry_out
from ghasi.operators.ordering import KIND, answers_of, result_of
from ghasi.operators.served import NOBODY, read_served
from ghasi.operators.shell import Entries, noted, somebody

KEPT = "kept; no gateway answered"
UNKEPT = "no gateway answered; nothing is kept"
EXIT_CODES = (
    "Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 NATS not reached, 4 kept, but no gateway answered."
)


def operator_ids(values: list[str]) -> list[str]:
    """UUIDs in lower case; raises CommandError."""
    try:
        return [str(UUID(value)) for value in values]
    except ValueError:
        raise CommandError("an operator is named by its UUID", returncode=EXIT_USAGE) from None


class OrderCommand(BaseCommand):
    """Writes the wanted state of operators, where the order has one, and tells the gateways; subclasses say which."""

    action: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", nargs="+", help="operator id (UUID)")
        parser.add_argument("--reason", default="", help="why, kept with the order and logged")
        parser.add_argument("--dry-run", action="store_true", help="say what would be ordered and order nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        orders = [
            Order(operator_id, self.action, somebody(), options["reason"])
            for operator_id in operator_ids(options["operator"])
        ]
        if options["dry_run"]:
            self._tell_plan(orders, as_json=options["json"])
            self._warn_unserved([one.operator_id for one in orders])
            return
        with servers_needed():
            carried = self._carry_out(orders)
        self._tell(carried, as_json=options["json"])
        self._warn_unserved([one.order.operator_id for one in carried if not one.answers])
        if any(one.refused for one in carried):
            raise SystemExit(EXIT_NO)
        if not any(one.answers for one in carried):
            raise SystemExit(EXIT_OPEN)

    def _carry_out(self, orders: list[Order]) -> list[Carried]:
        """Raises BusError, SettingsError."""
        with self._noted(orders) as entries:
            try:
                carried = carry_out(BusSettings.from_env(), orders)
            except (BusError, SettingsError) as error:
                entries.others, failure = Result.FAILED, error
            else:
                entries.results.update({one.order.operator_id: result_of(one) for one in carried})
                entries.details.update({one.order.operator_id: {"answers": answers_of(one)} for one in carried})
                return carried
        raise failure

    @contextmanager
    def _noted(self, orders: list[Order]) -> Iterator[Entries]:
        """An order must be possible while PostgreSQL is away, and on a machine that knows none: then nothing notes it
        but the wanted state and the gateways' logs."""
        with ExitStack() as stack:
            try:
                targets = [one.operator_id for one in orders]
                entries = stack.enter_context(noted(self.action, KIND, targets, reason=orders[0].reason))
            except (DatabaseError, InterfaceError) as error:
                self._say_unnoted(error)
                entries = Entries()
            yield entries
            try:
                stack.close()
            except (DatabaseError, InterfaceError) as error:
                self._say_unnoted(error)

    def _say_unnoted(self, error: Exception) -> None:
        if not isinstance(error, NoDatabase):
            self.stderr.write(f"PostgreSQL: {type(error).__name__}: the list of what the staff did lacks this order")

    def _warn_unserved(self, operator_ids: list[str]) -> None:
        """On stderr: an order for an operator that nobody serves is kept all the same, for whoever will."""
        if not operator_ids:
            return
        try:
            served = read_served(BusSettings.from_env())
        except (BusError, SettingsError) as error:
            self.stderr.write(f"warning: who serves what is not known: {error}")
            return
        for operator_id in operator_ids:
            if operator_id not in served:
                self.stderr.write(f"warning: {operator_id}: {NOBODY}")

    def _tell_plan(self, orders: list[Order], *, as_json: bool) -> None:
        if as_json:
            named = [{"operatorId": one.operator_id, "answers": []} for one in orders]
            self.stdout.write(json.dumps({"action": self.action, "dryRun": True, "operators": named}))
            return
        for one in orders:
            self.stdout.write(f"{one.operator_id}: would {self.action}")

    def _tell(self, carried: list[Carried], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"action": self.action, "operators": [_told(one) for one in carried]}))
            return
        for one in carried:
            for answer in one.answers:
                word = "ok" if answer.ok else "refused"
                self.stdout.write(f"{one.order.operator_id} {answer.replica}: {word} {answer.detail}".rstrip())
            if not one.answers:
                kept = KEPT if self.action in WANTED else UNKEPT
                self.stdout.write(f"{one.order.operator_id}: {kept}")


def _told(one: Carried) -> dict[str, object]:
    answers = [{"replica": a.replica, "ok": a.ok, "detail": a.detail} for a in one.answers]
    return {"operatorId": one.order.operator_id, "answers": answers}
