"""Which binds of an operator stand, and what is known of those that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ghasi.operator_settings import OperatorSettings
from sessions_gateway.binds import Binds
from sessions_gateway.establish import BoundLinks, Plan

SETTINGS = OperatorSettings(operator_id="op", operator_name="", hosts=(("smsc", 2775),), tps_limit=10)


class Link:
    def __init__(self, *, can_submit: bool = True) -> None:
        self.can_submit = can_submit
        self.window_size = 10


def one(plan: Plan = Plan.TRX, *links: Any) -> BoundLinks:
    return BoundLinks(plan, links or (Link(),))  # type: ignore[arg-type]


def test_only_transmitters_send_but_all_stand() -> None:
    binds = Binds()
    binds.made(0, one(), SETTINGS, 1.0)
    binds.made(1, one(Plan.RX, Link(can_submit=False)), SETTINGS, 2.0)
    assert (len(binds), binds.slots, binds.sending, binds.last_bound_at) == (2, [0, 1], 1, 2.0)


def test_an_operator_has_failed_only_while_nothing_sends() -> None:
    binds = Binds()
    assert binds.ended(0, "no connection", 1.0) is None
    assert (binds.failed, binds.reason, binds.last_unbound_at) == (True, "no connection", None)
    first, second = one(), one()
    binds.made(0, first, SETTINGS, 2.0)
    assert (binds.failed, binds.reason) == (False, None)
    binds.made(1, second, SETTINGS, 3.0)
    assert binds.ended(0, "closed", 4.0) is first
    assert (binds.failed, binds.reason, binds.last_unbound_at) == (False, "closed", 4.0)
    assert binds.ended(1, "closed too", 5.0) is second
    assert (binds.failed, len(binds), binds.last_unbound_at) == (True, 0, 5.0)
    binds.forgive()
    assert (binds.failed, binds.reason) == (False, None)


def test_a_link_is_found_by_its_slot_until_its_bind_ends() -> None:
    binds, transmitter, receiver = Binds(), Link(), Link(can_submit=False)
    links: list[Any] = [transmitter, receiver]
    binds.made(3, one(Plan.PAIR, *links), SETTINGS, 1.0)
    assert [binds.slot_of(link) for link in links] == [3, 3]
    binds.ended(3, "closed", 2.0)
    assert [binds.slot_of(link) for link in links] == [None, None]


def test_windows_follow_the_settings_where_something_is_sent() -> None:
    binds, transmitter, receiver = Binds(), Link(), Link(can_submit=False)
    binds.made(0, one(Plan.PAIR, transmitter, receiver), replace(SETTINGS, window_size=4), 1.0)
    assert (transmitter.window_size, receiver.window_size) == (4, 10)
    binds.resize(7)
    assert (transmitter.window_size, receiver.window_size) == (7, 10)


def test_what_needs_another_bind_is_told_until_each_one_was_made_anew() -> None:
    binds, now = Binds(), replace(SETTINGS, system_type="VMA", address_ton=1, window_size=3)
    binds.made(0, one(), SETTINGS, 1.0)
    binds.made(1, one(), SETTINGS, 1.0)
    assert binds.needs_rebind(None) == binds.needs_rebind(SETTINGS) == ()
    assert binds.needs_rebind(now) == ("bind.addressTon", "bind.systemType")
    binds.ended(0, "rebind", 2.0)
    binds.made(0, one(), now, 3.0)
    assert binds.needs_rebind(now) == ("bind.addressTon", "bind.systemType")
    binds.ended(1, "rebind", 4.0)
    assert binds.needs_rebind(now) == ()
