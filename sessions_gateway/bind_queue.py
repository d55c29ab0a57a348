"""What waits for one bind, and why it waits."""

from __future__ import annotations

from collections import deque
from typing import Final

from sessions_gateway.connection import Link
from sessions_gateway.jobs import Part

GATE: Final = "gate"
"""The operator's limit: the last gate was shut."""
WINDOW: Final = "window"
"""As many requests as the bind takes wait for their answers."""
WORTH_TELLING_MS: Final = 1000
"""What waited for less is not told: where the window is full that is every part."""


class BindQueue:
    """One bind's transmitter and the parts that wait for it."""

    __slots__ = ("held", "link", "queue")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.queue: deque[Part] = deque()
        self.held = ""
        """What the queue waited for when it was last looked at; empty where it was empty."""
