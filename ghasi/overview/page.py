"""What the first page's template gets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from ghasi.overview import collect
from ghasi.overview.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, charts
from ghasi.overview.combine import operators
from ghasi.overview.counts import MOST
from ghasi.overview.facts import Everything, OperatorFacts
from ghasi.overview.judging import BAD, SESSIONS, Finding, findings
from ghasi.overview.lines import Line, line_of

PERMISSION = "operators.view_operator"


def context_of(request: HttpRequest) -> dict[str, Any]:
    """Empty for who may not see operators. `operator` in the query chooses the charts of one."""
    if not request.user.has_perm(PERMISSION):
        return {}
    chosen = _chosen(request.GET.get("operator", ""))
    found = collect.everything(chosen)
    each = operators(found)
    wrong = findings(found, each)
    return {
        "may_look": True,
        "at": found.now,
        "findings": [(one, _link(one)) for one in wrong],
        "level": ("bad" if any(one.level == BAD for one in wrong) else "warn") if wrong else "good",
        "operators": [_line(one, found) for one in each],
        "chosen": next((one for one in each if one.operator_id == str(chosen)), None),
        "charts": [] if found.minutes_trouble else charts(found.totals, collect.first_minute(found.now)),
        "frame": {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "width": WIDTH, "height": HEIGHT},
        "workers": found.nats.workers.items(),
        "sessions_url": reverse(SESSIONS),
        "part_url": reverse("overview_part") + (f"?operator={chosen}" if chosen else ""),
        "most": MOST,
        "uncounted": bool(found.ledger.trouble),
    }


def _line(one: OperatorFacts, found: Everything) -> Line:
    unknown, uncounted, unheard = map(bool, (found.nats.trouble, found.ledger.trouble, found.minutes_trouble))
    return line_of(one, unknown=unknown, uncounted=uncounted, unheard=unheard)


def _chosen(value: str) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError:
        return None


def _link(one: Finding) -> str:
    if not one.page:
        return ""
    return reverse(one.page) + (f"?{one.query}" if one.query else "")
