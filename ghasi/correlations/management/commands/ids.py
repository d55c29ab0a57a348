"""`manage.py ids`: how operators' receipt ids are read, on what evidence, and a person's word on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.correlations import id_learning, id_store
from ghasi.correlations.id_evidence import in_words
from ghasi.correlations.id_states import NothingToDecide
from ghasi.correlations.masking import without_digits
from ghasi.correlations.models_ids import IdRelation
from ghasi.logs import get_logger
from ghasi.management.exits import EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.operators.actions import Result
from ghasi.operators.ordering import KIND
from ghasi.operators.shell import noted, somebody

log = get_logger()
ACTIONS = {"accept": "ids.accept", "reject": "ids.reject"}
"""As the list of what the staff did has them."""


class Command(BaseCommand):
    help = (
        "Shows what was learned of the relation between response ids and receipt ids, and accepts or rejects it. "
        "Exit codes: 0 done, 1 nothing to accept or reject, 2 wrong usage or settings, 3 PostgreSQL not reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", nargs="?", help="operator id (UUID); all without one")
        parser.add_argument("action", nargs="?", choices=["accept", "reject"], help="for the operator's proposal")
        parser.add_argument(
            "--reason", default="", help="why, kept in the list of what the staff did; no numbers, no texts"
        )
        parser.add_argument("--dry-run", action="store_true", help="with accept and reject: show and decide nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = UUID(options["operator"]) if options["operator"] else None
        except ValueError:
            raise CommandError("an operator is named by its UUID", returncode=EXIT_USAGE) from None
        try:
            with servers_needed():
                if chosen is not None and options["action"] and not options["dry_run"]:
                    self._decide(chosen, options["action"], options["reason"])
                rows = [one for one in id_store.known() if chosen in (None, one.operator_id)]
        except NothingToDecide as error:
            raise CommandError(str(error), returncode=EXIT_NO) from None
        if options["json"]:
            self.stdout.write(json.dumps({"operators": [_told(one) for one in rows]}))
        else:
            self.stdout.write("\n".join(line for one in rows for line in _lines(one)) or "nothing was seen yet")

    def _decide(self, operator_id: UUID, action: str, reason: str) -> None:
        """Raises NothingToDecide."""
        decide = id_learning.accept if action == "accept" else id_learning.reject
        target = str(operator_id)
        with noted(ACTIONS[action], KIND, [target], reason=reason) as entries:
            try:
                standing = decide(operator_id, by=somebody(), now=datetime.now(UTC))
            except NothingToDecide as error:
                entries.others, refusal = Result.REFUSED, error
            else:
                detail = without_digits(standing.in_force or "text")
                entries.details[target] = {"state": standing.state.value, "inForce": detail}
                log.info(
                    "ids.decided",
                    operatorId=target,
                    action=action,
                    by=standing.changed_by,
                    state=standing.state.value,
                    detail=detail,
                )
                return
        raise refusal


def _told(row: IdRelation) -> dict[str, Any]:
    return {
        "operatorId": str(row.operator_id),
        "state": row.state,
        "inForce": row.in_force,
        "candidate": row.candidate,
        "rejected": row.rejected,
        "changedAt": row.changed_at.isoformat(),
        "changedBy": row.changed_by,
        "judgedAt": row.judged_at.isoformat(),
        "evidence": row.evidence,
    }


def _lines(row: IdRelation) -> list[str]:
    by = f" by {row.changed_by}" if row.changed_by else ""
    head = f"{row.operator_id} {row.state} since {row.changed_at:%Y-%m-%d %H:%M}{by}"
    head += f" in force: {row.in_force or 'text'}"
    head += f" proposed: {row.candidate}" if row.candidate else ""
    head += f" rejected: {', '.join(row.rejected)}" if row.rejected else ""
    return [head, *(f"  {line}" for line in in_words(row.evidence))]
