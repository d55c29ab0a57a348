"""What became of each sample so far, from what the connector tells and what the operators saw. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ghasi.devstack.samples import Outcome, Sample

_CODINGS = {0x00: "GSM7", 0x08: "UCS2", 0x10: "GSM7 flash", 0x18: "UCS2 flash"}


@dataclass(slots=True)
class Track:
    """One sample's story. `changed` orders tracks by their latest news."""

    sample: Sample
    published_at: float = 0.0
    wire_at: float | None = None
    result: str | None = None
    result_segments: int = 0
    codings: set[int] = field(default_factory=set)
    on_wire: set[object] = field(default_factory=set)
    final: dict[int, str] = field(default_factory=dict)
    intermediate: int = 0
    dead_reason: str | None = None
    changed: int = 0

    @property
    def coding(self) -> str:
        """Coding on the wire, empty while nothing went out."""
        return " + ".join(_CODINGS.get(code, f"0x{code:02X}") for code in sorted(self.codings))

    @property
    def state(self) -> str:
        """What the platform was told of its submission."""
        if self.dead_reason is not None:
            return f"DEAD {self.dead_reason}"
        return self.result or ("on the wire" if self.on_wire else "queued")

    @property
    def receipts(self) -> str:
        """The final receipts, summed up, `n of m` while parts are missing."""
        if not self.final:
            return ""
        words = " + ".join(sorted(set(self.final.values())))
        wanted = self.result_segments or self.sample.parts
        return words if len(self.final) >= wanted else f"{words} ({len(self.final)} of {wanted})"

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come that the expectation speaks of."""
        sample = self.sample
        if sample.outcome is Outcome.DEAD:
            return self.dead_reason is not None
        if self.result is None:
            return False
        if sample.outcome is Outcome.ACCEPTED:
            return len(self.on_wire) >= sample.parts
        complete = len(self.final) >= self.result_segments
        return complete and (not sample.reaches_operator or len(self.on_wire) >= sample.parts)

    @property
    def problems(self) -> list[str]:
        """How the story differs from the expectation; empty where it is as it must be."""
        sample = self.sample
        if sample.outcome is Outcome.DEAD:
            found = [] if self.dead_reason else ["no dead letter"]
            return found + (["was sent"] if self.on_wire else [])
        found = []
        if not self.settled:
            found.append("not finished")
        if sample.outcome is not Outcome.ACCEPTED and set(self.final.values()) != {sample.outcome.value}:
            found.append(f"receipts {self.receipts or 'none'}, expected {sample.outcome.value}")
        if sample.outcome is Outcome.ACCEPTED and (self.final or self.result != "ACCEPTED"):
            found.append("expected ACCEPTED and no receipt")
        if sample.reaches_operator:
            found += self._wire_problems()
        elif self.on_wire:
            found.append("was sent")
        return found

    def _wire_problems(self) -> list[str]:
        sample = self.sample
        found = []
        if len(self.on_wire) != sample.parts:
            found.append(f"{len(self.on_wire)} parts on the wire, expected {sample.parts}")
        if self.coding.split(" ")[0] != sample.coding:
            found.append(f"coding {self.coding or 'none'}, expected {sample.coding}")
        return found


class Tracker:
    """All samples. Feed it events; unknown messages are ignored."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.tracks = [Track(sample) for sample in samples]
        self._by_message = {track.sample.message_id: track for track in self.tracks}
        self._by_digits = {track.sample.digits: track for track in self.tracks}
        self._by_payload = {track.sample.payload: track for track in self.tracks}
        self._news = 0

    def published(self, sample: Sample, at: float) -> None:
        """The command is in the stream (Unix seconds)."""
        self._by_message[sample.message_id].published_at = at

    def submit_result(self, event: Mapping[str, Any]) -> None:
        """A SubmitResultEvent."""
        track = self._touch(self._by_message.get(event.get("messageId") or ""))
        if track is not None and event["result"] != "DEAD":
            track.result = event["result"]
            track.result_segments = event["segments"]

    def delivery(self, event: Mapping[str, Any]) -> None:
        """A DlrInboundEvent."""
        track = self._touch(self._by_message.get(event.get("messageId") or ""))
        if track is None:
            return
        if event["final"]:
            track.final[event["segment"]] = event["status"]
        else:
            track.intermediate += 1

    def dead_letter(self, payload: bytes, reason: str) -> None:
        """A message of SMPP_DEAD; the kept bytes of a rejected command come here too and say nothing new."""
        track = self._by_payload.get(payload)
        if track is not None and track.sample.outcome is Outcome.DEAD:
            track.dead_reason = reason
            self._touch(track)

    def submit_seen(self, line: Mapping[str, Any]) -> None:
        """A submit line of a simulated operator's log. A part sent again after a refusal counts once."""
        track = self._touch(self._by_digits.get(line["destination_addr"]))
        if track is None:
            return
        track.on_wire.add(line.get("part") or 1)
        track.codings.add(line["data_coding"])
        if track.wire_at is None:
            track.wire_at = line["at"]

    @property
    def settled(self) -> bool:
        """Whether every sample is."""
        return all(track.settled for track in self.tracks)

    @property
    def failed(self) -> list[Track]:
        """Samples that differ from their expectation."""
        return [track for track in self.tracks if track.problems]

    def states(self) -> Counter[str]:
        """How many samples are where."""
        return Counter(track.receipts.partition(" (")[0] or track.state.partition(" ")[0] for track in self.tracks)

    def wire_delays(self) -> list[float]:
        """Seconds from the stream to the operator, ascending."""
        return sorted(
            track.wire_at - track.published_at
            for track in self.tracks
            if track.wire_at is not None and track.published_at
        )

    def _touch(self, track: Track | None) -> Track | None:
        if track is not None:
            self._news += 1
            track.changed = self._news
        return track
