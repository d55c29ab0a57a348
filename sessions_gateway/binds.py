"""The binds of one operator that stand at this replica: with which settings, since when, and why others do not."""

from __future__ import annotations

from collections.abc import Collection

from ghasi.operator_settings import OperatorSettings, rebind_reasons
from sessions_gateway.connection import Link
from sessions_gateway.establish import BoundLinks


class Binds:
    """By slot. Times are Unix seconds."""

    def __init__(self) -> None:
        self.failed = False
        """A bind was tried or lost and none is up: true from the first failure of a series."""
        self.reason: str | None = None
        """Why the last one ended or was not made; None once one is made."""
        self.last_bound_at: float | None = None
        self.last_unbound_at: float | None = None
        self._standing: dict[int, BoundLinks] = {}
        self._made_with: dict[int, OperatorSettings] = {}

    def __len__(self) -> int:
        return len(self._standing)

    @property
    def slots(self) -> list[int]:
        return list(self._standing)

    @property
    def standing(self) -> Collection[BoundLinks]:
        return self._standing.values()

    @property
    def sending(self) -> int:
        """Binds with a transmitter."""
        return sum(bound.transmits for bound in self._standing.values())

    @property
    def silent_for(self) -> float | None:
        """Seconds since the last PDU on the link that is silent longest; None without binds."""
        return max((link.silent_for for bound in self._standing.values() for link in bound.links), default=None)

    def slot_of(self, link: Link) -> int | None:
        """The slot whose bind the link belongs to; None where that has ended."""
        return next((slot for slot, bound in self._standing.items() if link in bound.links), None)

    def made(self, slot: int, bound: BoundLinks, settings: OperatorSettings | None, now: float) -> None:
        """A bind stands, made with `settings`, which may have changed meanwhile: its windows follow them."""
        self._standing[slot] = bound
        if settings is not None:
            self._made_with[slot] = settings
            self.resize(settings.window_size)
        self.forgive()
        self.last_bound_at = now

    def ended(self, slot: int, reason: str, now: float) -> BoundLinks | None:
        """A bind ended, which is given back, or was not made: None."""
        bound = self._standing.pop(slot, None)
        self._made_with.pop(slot, None)
        if bound is not None:
            self.last_unbound_at = now
        self.reason = reason
        self.failed = self.failed or not self.sending
        return bound

    def forgive(self) -> None:
        """What went wrong so far says nothing any more."""
        self.failed, self.reason = False, None

    def resize(self, size: int) -> None:
        """The window of a link binds what is written next: no bind has to be made anew for it."""
        for bound in self._standing.values():
            for link in bound.links:
                if link.can_submit and link.window_size != size:
                    link.window_size = size

    def needs_rebind(self, settings: OperatorSettings | None) -> tuple[str, ...]:
        """What `settings` say otherwise than those the binds were made with, as far as only a bind brings it."""
        if settings is None:
            return ()
        return tuple(sorted({path for one in self._made_with.values() for path in rebind_reasons(one, settings)}))
