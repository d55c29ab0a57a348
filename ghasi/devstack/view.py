"""The demo on a terminal: a live table, the full table and the summary at the end; plain lines elsewhere."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ghasi.devstack.tracker import Track, Tracker

_COLOURS = {"DELIVERED": "green", "ACCEPTED": "green", "queued": "dim", "on": "cyan"}
_FRAME_ROWS = 6


def _coloured(word: str) -> Text:
    return Text(word, style=_COLOURS.get(word.partition(" ")[0], "yellow" if word else ""))


def table(tracks: Iterable[Track], *, title: str) -> Table:
    """One row a message."""
    made = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("operator", "language", "message", "parts", "coding", "state", "receipt", ""):
        made.add_column(heading, justify="right" if heading == "parts" else "left", no_wrap=heading != "message")
    for track in tracks:
        sample = track.sample
        made.add_row(
            sample.operator,
            sample.language,
            f"{sample.what} …{sample.digits[-3:]}",
            str(len(track.on_wire) or ""),
            track.coding,
            _coloured(track.state),
            _coloured(track.receipts),
            _verdict(track),
        )
    return made


def _verdict(track: Track) -> Text:
    if not track.settled:
        return Text("")
    return Text("✗", style="bold red") if track.problems else Text("✓", style="bold green")


class LiveView:
    """A table of the latest news that fits the terminal, above it what is where."""

    def __init__(self, console: Console, tracker: Tracker) -> None:
        self._console = console
        self._tracker = tracker
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._console.print(table(self._tracker.tracks, title="Every message"))

    def update(self) -> None:
        """Something changed; the table is drawn by its own clock."""

    def _render(self) -> RenderableType:
        rows = max(self._console.height - _FRAME_ROWS, 5)
        latest = sorted(self._tracker.tracks, key=lambda track: track.changed)[-rows:]
        done = sum(track.settled for track in self._tracker.tracks)
        states = "  ".join(f"{state} {count}" for state, count in sorted(self._tracker.states().items()))
        head = Text(f"{done} of {len(self._tracker.tracks)} settled   {states}")
        return Group(head, table(latest, title="Latest"))


class PlainView:
    """One line a message, when it is settled."""

    def __init__(self, console: Console, tracker: Tracker) -> None:
        self._console = console
        self._tracker = tracker
        self._told: set[str] = set()

    def __enter__(self) -> "PlainView":
        return self

    def __exit__(self, *_: object) -> None:
        for track in self._tracker.tracks:
            if track.sample.message_id not in self._told:
                self._tell(track)

    def update(self) -> None:
        """Tell of what was settled since."""
        for track in self._tracker.tracks:
            if track.settled and track.sample.message_id not in self._told:
                self._told.add(track.sample.message_id)
                self._tell(track)

    def _tell(self, track: Track) -> None:
        sample = track.sample
        words = [
            "ok  " if track.settled and not track.problems else "FAIL",
            f"{sample.operator:<12}{sample.language:<9}{sample.what + ' …' + sample.digits[-3:]:<34}",
            f"{len(track.on_wire) or '-'} × {track.coding or '-'}".ljust(16),
            f"{track.state:<16}",
            track.receipts,
        ]
        line(self._console, " ".join(words).rstrip())


def summary(console: Console, tracker: Tracker, seconds: float) -> None:
    """How it went, and what differs from the expectation."""
    failed = tracker.failed
    delays = tracker.wire_delays()
    parts = sum(len(track.on_wire) for track in tracker.tracks)
    states = ", ".join(f"{count} {state}" for state, count in tracker.states().most_common())
    line(console, "")
    line(console, f"{len(tracker.tracks)} messages, {parts} parts in {seconds:.1f} s: {states}")
    if delays:
        line(console, f"stream to operator: median {_middle(delays) * 1000:.0f} ms, slowest {delays[-1]:.2f} s")
    for track in failed:
        sample = track.sample
        line(console, f"  {sample.operator}, {sample.what} …{sample.digits[-3:]}: {'; '.join(track.problems)}")
    right = len(tracker.tracks) - len(failed)
    line(console, f"{right} of {len(tracker.tracks)} messages reached the outcome expected of them")


def line(console: Console, text: str) -> None:
    """A line as it is: no markup, no wrapping where the output is no terminal."""
    console.print(text, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def _middle(ascending: Sequence[float]) -> float:
    return ascending[len(ascending) // 2]
