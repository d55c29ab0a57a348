"""Which binds count."""

from __future__ import annotations

from ghasi.contracts.sessions import State
from sessions_gateway.establish import BoundLinks, Plan
from sessions_gateway.session_record import Standing, session_record


def test_only_binds_with_a_transmitter_count() -> None:
    standing = Standing(
        operator_id="op",
        replica="a",
        epoch="e",
        state=State.BOUND,
        reason=None,
        window_used=0,
        tps_current=0,
        last_bound_at=None,
        last_unbound_at=None,
    )
    bound = [BoundLinks(plan, ()) for plan in Plan]
    assert session_record(standing, None, {}, bound).binds == 3
