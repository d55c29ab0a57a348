"""Parts of one message (one `lane`) never overtake each other, whatever is given back."""

from __future__ import annotations

from typing import Any

import pytest

from ghasi.contracts.submission import Fate
from ghasi.smpp.errors import LocalProtocolError
from sessions_gateway.gate import Gate
from sessions_gateway.jobs import Job, Part
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import Metrics
from sessions_gateway.outbound import Outbound, wall_ms


class Link:
    can_submit = True
    window_used = 0

    def __init__(self, takes: int = 0) -> None:
        self.takes = takes

    def submit(self, pdus: Any, parts: Any) -> None:
        raise LocalProtocolError("never")


class Writer(Link):
    def submit(self, pdus: Any, parts: Any) -> None:
        self.takes -= len(pdus)

    def pump(self) -> None:
        pass


def outbound() -> Outbound:
    return Outbound(
        Gate(10), Memory(0.0), Metrics().operator("op"), lambda: True, lambda link, fate: None, (0x58).__eq__
    )


def job(deadlines: list[int], lanes: list[int]) -> tuple[Job, list[Part]]:
    made = Job("reply", "op", len(lanes), lambda _: None)
    parts = [
        Part(f"{number:02x}", bytes([number]), b"pdu", lane, deadline, made, number)
        for number, (deadline, lane) in enumerate(zip(deadlines, lanes, strict=True))
    ]
    return made, parts


def given_back(made: Job) -> list[bool]:
    return [fate is not None and fate.fate is Fate.NOT_SENT for fate in made.fates]


async def test_what_waits_behind_a_late_part_of_its_message_goes_back_too() -> None:
    link: Any = Link()
    out, later = outbound(), wall_ms() + 60_000
    out.link_up(0, link)
    made, parts = job([later, 1, later, later], [7, 7, 8, 7])
    out.take(parts)
    out._give_back_late()
    assert given_back(made) == [False, True, False, True]
    assert out.queued == 2
    out.stop()


async def test_what_waits_behind_an_unsendable_part_of_its_message_goes_back_too() -> None:
    link: Any = Link(takes=1)
    out, later = outbound(), wall_ms() + 60_000
    out.link_up(0, link)
    made, parts = job([later] * 3, [7, 8, 7])
    out.take(parts)
    assert out._write(out._lanes[0], 1) == 0
    assert given_back(made) == [True, False, True]
    out.stop()


@pytest.mark.parametrize("ends", [0, 1])
async def test_a_message_torn_between_two_binds_goes_back_whole(ends: int) -> None:
    links: list[Any] = [Link(), Link()]
    out, later = outbound(), wall_ms() + 60_000
    out.link_up(0, links[0])
    made, parts = job([later] * 33, [7, *range(31), 7])
    out.take(parts[:-1])
    out.link_up(1, links[1])
    out._lanes[1].queue.append(parts[-1])
    out._count(1, len(parts[-1].pdu))
    out.link_down(ends, "unbound")
    expected = [part.lane == 7 for part in parts]
    assert given_back(made) == expected
    out.stop()


async def test_a_part_tells_what_kept_it_in_the_queue() -> None:
    link: Any = Writer(takes=1)
    out, later = outbound(), wall_ms() + 60_000
    out.link_up(0, link)
    _, parts = job([later] * 12, [*range(12)])
    parts[2].came_ms = wall_ms()
    out.take(parts)
    out._flush()
    link.takes = 10
    out._flush()
    link.takes = 10
    out.gate.set_limit(20)
    out._flush()
    assert [part.held for part in parts] == ["", "window", "", *["window"] * 7, *["gate"] * 2], (
        "the third waited for less than a second"
    )
    _, [next_one] = job([later], [7])
    out.take([next_one])
    out._flush()
    assert (next_one.held, next_one.sent_ms > 0) == ("", True)
    out.stop()
