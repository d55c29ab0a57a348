"""Samples in the short notation of promtool's rule tests: `1+2x3` is 1 3 5 7, `_` is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

STALE: Final = "stale"
"""Prometheus's mark behind the last sample of a series that has ended."""
Sample = float | str | None


def shortened(samples: Sequence[Sample]) -> str:
    """`samples` at equal distances: a number, STALE, or None where nothing was scraped."""
    return " ".join(_runs(samples))


def _runs(samples: Sequence[Sample]) -> Iterator[str]:
    at = 0
    while at < len(samples):
        first = samples[at]
        if first is None:
            length = _same(samples, at)
            yield f"_x{length}" if length > 1 else "_"
        elif isinstance(first, str):
            length = 1
            yield first
        else:
            length, step = _steady(samples, at)
            yield written(first) if length == 1 else f"{written(first)}{_signed(step)}x{length - 1}"
        at += length


def _same(samples: Sequence[Sample], at: int) -> int:
    end = at
    while end < len(samples) and samples[end] is None:
        end += 1
    return end - at


def _steady(samples: Sequence[Sample], at: int) -> tuple[int, float]:
    """How many samples follow each other by the same step; steps of fractions would add up to something else."""
    first = samples[at]
    following = samples[at + 1] if at + 1 < len(samples) else None
    if not isinstance(first, float | int) or not isinstance(following, float | int):
        return 1, 0.0
    step = following - first
    if step and not (float(first).is_integer() and float(step).is_integer()):
        return 1, 0.0
    length = 2
    while at + length < len(samples) and samples[at + length] == first + step * length:
        length += 1
    return (length, step) if length > 2 or not step else (1, 0.0)


def _signed(step: float) -> str:
    return f"-{written(-step)}" if step < 0 else f"+{written(step)}"


def written(value: float) -> str:
    """As promtool reads it back, to ten digits."""
    return f"{value:.10g}"


def expanded(text: str) -> list[Sample]:
    """What `shortened` was given."""
    samples: list[Sample] = []
    for word in text.split():
        if word in ("_", STALE):
            samples.append(None if word == "_" else STALE)
        elif word.startswith("_x"):
            samples += [None] * int(word[2:])
        elif "x" in word:
            samples += _run_of(word)
        else:
            samples.append(float(word))
    return samples


def _run_of(word: str) -> list[Sample]:
    steady, _, times = word.partition("x")
    sign_at = max(steady.rfind("+"), steady.rfind("-"))
    while sign_at > 0 and steady[sign_at - 1] in "eE":
        sign_at = max(steady.rfind("+", 0, sign_at), steady.rfind("-", 0, sign_at))
    first, step = float(steady[:sign_at]), float(steady[sign_at:])
    return [first + step * n for n in range(int(times) + 1)]
