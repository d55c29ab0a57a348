"""Every page that the staff asks for, by a name: what it is called in docs/performance.md and what is asked."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.pages_beside import NOBODY
from benchmarks.shape import BUSY_NUMBER, is_plain, operator_id

LEDGER = "/admin/correlations/messagecorrelation/"
WHERE = f"{LEDGER}where/"
DEAD = "/admin/correlations/deadletter/"
INBOX = "/admin/correlations/inboxreceipt/"
BULK = "/admin/correlations/bulkaction/"
RELATIONS = "/admin/correlations/idrelation/"
OPERATORS = "/admin/operators/operator/"
PROFILES = "/admin/operators/profile/"
CHANGES = "/admin/operators/profilechange/"
AUDIT = "/admin/operators/operatoraction/"
USERS = "/admin/auth/user/"


@dataclass(frozen=True, slots=True)
class Page:
    """`asked`: path, query, whether the form is posted, in turn. `shows`: what each answer has to hold."""

    title: str
    asked: Sequence[tuple[str, Mapping[str, str], bool]]
    shows: str = ""


def pages(rows: int, times: int) -> dict[str, Page]:
    """For the ledger that `ledger.fill` laid by. Raises DatabaseError."""
    from ghasi.correlations.models import DeadLetter, InboxReceipt, MessageCorrelation
    from ghasi.operators.models import OperatorAction

    chosen = random.Random(2)
    plain = [row for row in (chosen.randint(rows // 2, rows) for _ in range(times * 3)) if is_plain(row)][:times]
    keys = [f"old-{row}" for row in plain]
    known = [
        MessageCorrelation.objects.filter(operator_message_keys__0=key, operator_message_keys__isnull=False).get()
        for key in keys
    ]
    row, letter, action = "field-message_id", "field-message_id", "field-actor"
    busy, (odd,) = operator_id(7), InboxReceipt.objects.filter(matched_at=None).order_by("-id")[:1]
    newest = OperatorAction.objects.order_by("-id").first()
    assert newest is not None
    letters = list(DeadLetter.objects.order_by("at")[:times])

    def same(path: str, title: str, shows: str = "", **query: str) -> Page:
        return Page(title, [(path, query, False)] * times, shows)

    def each(path: str, title: str, terms: Sequence[str], shows: str = "", *, posted: bool = False) -> Page:
        return Page(title, [(path, {"q": term}, posted) for term in terms], shows)

    nothing = [f"none-{number}" for number in range(times)]
    found: dict[str, Page] = {
        "first page": same("/admin/", "first page, everything asked anew", "overview-part"),
        "first page, part": same("/admin/overview/part/", "its live part, everything asked anew", "overview-part"),
        "first page, one": same("/admin/", "first page, charts of one operator", "overview-part", operator=busy),
        "sessions": same(f"{OPERATORS}live/", "sessions, asked anew", "Operator 07"),
        "sessions, part": same(f"{OPERATORS}live/part/", "their live part, asked anew", "Operator 07"),
        "order": same(f"{OPERATORS}{busy}/order/rebind/", "order to an operator, before it is given", "Reason"),
        "last day": same(LEDGER, "list, last day", row),
        "3 days": same(LEDGER, "list, last three days", row, span="3d"),
        "7 days": same(LEDGER, "list, last seven days", row, span="7d"),
        "all days": same(LEDGER, "list, all days", row, span="all"),
        "last page": same(LEDGER, "list, all days, its last page", row, span="all", p="200"),
        "in doubt": same(LEDGER, "list, in doubt", row, list="in_doubt"),
        "held": same(LEDGER, "list, held for a person", row, list="held"),
        "retry": same(LEDGER, "list, waiting for a retry", list="retry"),
        "doubt, operator": same(LEDGER, "list, in doubt, of an operator with none", list="in_doubt", operator=NOBODY),
        "operator": same(LEDGER, "list, by operator", row, span="all", operator=busy),
        "operator, none": same(LEDGER, "list, by an operator nothing has", span="all", operator=NOBODY),
        "status": same(LEDGER, "list, by status", row, status="DLR_RECEIVED"),
        "status, rare": same(LEDGER, "list, by a rare status", row, span="all", status="REJECTED"),
        "status, none": same(LEDGER, "list, by a status nothing has", span="all", status="PREPARED"),
        "receipt": same(LEDGER, "list, by receipt", row, span="all", receipt="UNDELIVERABLE"),
        "receipt, none": same(LEDGER, "list, without a receipt", row, span="all", receipt="none"),
        "filters": same(
            LEDGER,
            "list, by three filters",
            row,
            span="7d",
            operator=busy,
            status="DLR_RECEIVED",
            receipt="DELIVERED",
        ),
        "message id": each(LEDGER, "search by message id", [str(one.message_id) for one in known], row),
        "operator's id": each(LEDGER, "search by the operator's id", keys, row),
        "nothing found": each(LEDGER, "search, nothing found", nothing),
        "one row": Page("one row", [(f"{LEDGER}{one.pk}/change/", {}, False) for one in known]),
        "where, message id": each(
            WHERE, "where is it, by message id", [str(one.message_id) for one in known], "Delivered: "
        ),
        "where, operator's id": each(WHERE, "where is it, by the operator's id", keys, "Delivered: "),
        "where, destination": each(
            WHERE, "where is it, by destination", [one.destination for one in known], "Delivered: ", posted=True
        ),
        "where, busy": each(
            WHERE,
            "where is it, by a number that has thousands",
            [BUSY_NUMBER] * times,
            "there are older",
            posted=True,
        ),
        "where, nothing found": each(WHERE, "where is it, nothing found", nothing, "Nothing is known"),
        "dead, day": same(DEAD, "dead letters, last day", letter),
        "dead": same(DEAD, "dead letters, all days", letter, span="all"),
        "dead, reason": same(DEAD, "dead letters, by a reason nothing has", span="all", reason="bad_text"),
        "dead, operator": same(DEAD, "dead letters, by operator", letter, span="all", operator=busy),
        "dead, message id": each(
            DEAD, "dead letters, search by message id", [str(one.message_id) for one in letters], letter
        ),
        "dead, one": Page("one dead letter", [(f"{DEAD}{one.pk}/change/", {}, False) for one in letters]),
        "inbox": same(INBOX, "inbox, all days", "inbox-", span="all"),
        "inbox, waiting": same(INBOX, "inbox, those that wait", "inbox-", span="all", state="waiting"),
        "inbox, state": same(INBOX, "inbox, by a state nothing has", span="all", state="unreadable"),
        "inbox, operator": same(INBOX, "inbox, by operator", "inbox-", span="all", operator=busy),
        "inbox, id": each(
            INBOX, "inbox, search by the operator's id", [f"inbox-{number + 1}" for number in range(times)], "inbox-"
        ),
        "inbox, one": same(f"{INBOX}{odd.pk}/change/", "one receipt of the inbox"),
        "bulk": same(BULK, "bulk actions", "field-made_at"),
        "bulk, one": same(f"{BULK}1/change/", "a bulk action of a thousand, when it is done", "forgotten"),
        "relations": same(RELATIONS, "id relations", "field-operator_id"),
        "relation": same(f"{RELATIONS}{busy}/change/", "one id relation"),
        "operators": same(OPERATORS, "operators", "Operator 07"),
        "one operator": same(f"{OPERATORS}{busy}/change/", "one operator", "Operator 07"),
        "profiles": same(PROFILES, "profiles", "profile-7"),
        "profile": same(f"{PROFILES}profile-7/change/", "one profile", "profile-7"),
        "presets": same(f"{PROFILES}presets/", "presets"),
        "changes": same(CHANGES, "versions of profiles", "profile-7"),
        "change": same(f"{CHANGES}1/change/", "one version of a profile", "Asia/Kabul"),
        "audit": same(AUDIT, "what the staff did, last day", action),
        "audit, all": same(AUDIT, "what the staff did, all days", action, span="all"),
        "audit, what": same(AUDIT, "what the staff did, profiles only, none there", span="all", what="profile"),
        "audit, person": each(AUDIT, "what one person did", ["person-7"] * times, action),
        "audit, one": same(f"{AUDIT}{newest.pk}/change/", "one action of the staff"),
        "users": same(USERS, "accounts"),
        "account": same("/admin/account/", "one's own account"),
        "password": same("/admin/password_change/", "change of one's password"),
    }
    return found
