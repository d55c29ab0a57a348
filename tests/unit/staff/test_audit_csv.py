"""The list of what the staff did as CSV."""

import csv
from datetime import UTC, datetime

from ghasi.operators.actions import OperatorAction
from ghasi.staff.audit_admin import as_csv

AT = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)


def test_a_cell_that_a_spreadsheet_would_calculate_is_text() -> None:
    row = OperatorAction(
        at=AT, actor="anna", action="bind", target_kind="operator", target="-x", reason='=A1+"b"\n,c'
    )
    heading, one = csv.reader("".join(as_csv(iter([row]))).splitlines(keepends=True))
    assert heading[:3] == ["at", "actor", "action"]
    assert one == ["2026-04-18T10:30:00+00:00", "anna", "bind", "operator", "'-x", '\'=A1+"b"\n,c', "{}", ""]
