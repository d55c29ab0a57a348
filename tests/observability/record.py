"""`python -m tests.observability.record [NAME ...]`: plays faults on the running product and keeps what was scraped.

Every alert that a scenario is there for must fire in promtool's replay, and nothing that it does not name.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.observability.notation import STALE, shortened
from tests.observability.promtool import fired
from tests.observability.rules import metrics_of_rules
from tests.observability.scenario import Scenario
from tests.observability.scraping import Key, Scraper
from tests.observability.series import FOLDER, Recording, Replay, load, relative, save
from tests.observability.stage import staged
from tests.support import servers as support

support.scrub_environment()


async def recorded(scenario: Scenario) -> Recording:
    """Plays it; the recording says of each replay what fires."""
    cast = scenario.cast()
    with tempfile.TemporaryDirectory() as folder:
        async with staged(
            Path(folder), cast, metrics_of_rules(), env=scenario.env, web=scenario.web, before=scenario.before
        ) as stage:
            print(f"{scenario.name}: the product is ready", flush=True)
            await scenario.play(stage)
            series = written(stage.scraper, cast.names)
    return judged(scenario, Recording(scenario.name, scenario.about, tuple(cast.names.values()), series=series))


def judged(scenario: Scenario, recording: Recording) -> Recording:
    """The recording with what fires in each replay, by the rules as they stand."""
    recording = replace(recording, stretched=scenario.stretched)
    replays = tuple(Replay(interval, fired(recording, interval)) for interval in scenario.replays)
    return replace(recording, about=scenario.about, replays=replays)


def written(scraper: Scraper, names: dict[str, str]) -> dict[str, str]:
    """Series as promtool takes them, operators by the names of the cast."""
    end = scraper.second + 1
    made: dict[str, str] = {}
    for key, samples in sorted(scraper.samples.items()):
        samples = samples[:end]
        rest = end - len(samples)
        if samples and samples[-1] != STALE:
            # The last scrape may still be under way.
            samples = [*samples, *[None] * rest]
        made[_named(key, names)] = shortened(relative(key[0], samples, scraper.began))
    return made


def _named(key: Key, names: dict[str, str]) -> str:
    name, labels = key
    inside = ",".join(f'{label}="{names.get(value, value)}"' for label, value in labels)
    return f"{name}{{{inside}}}"


def wrong(scenario: Scenario, recording: Recording) -> list[str]:
    """What should have fired and did not, and the other way round."""
    found = {firing for replay in recording.replays for firing in replay.fires}
    missing = sorted(set(scenario.must) - found)
    beyond = sorted(found - set(scenario.must) - set(scenario.may))
    return [f"did not fire: {' '.join(one)}" for one in missing] + [f"fired too: {' '.join(one)}" for one in beyond]


def main(argv: Sequence[str] | None = None) -> int:
    from tests.observability.scenarios import ALL

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(one.name for one in ALL))
    parser.add_argument("--keep", action="store_true", help="write the series even where something is wrong")
    parser.add_argument("--again", action="store_true", help="play nothing: only replay, by the rules as they are")
    options = parser.parse_args(argv)
    chosen = [one for one in ALL if not options.names or one.name in options.names]
    done = [_done(one, keep=options.keep, again=options.again) for one in chosen]
    return int(not all(done))


def _done(scenario: Scenario, *, keep: bool, again: bool) -> bool:
    """Whether exactly what should fire fires."""
    began = time.monotonic()
    path = FOLDER / f"{scenario.name}.yml"
    recording = judged(scenario, load(path)) if again else asyncio.run(recorded(scenario))
    problems = wrong(scenario, recording)
    for replay in recording.replays:
        told = ", ".join(" ".join(one).removeprefix("SmppConnector") for one in replay.fires)
        print(f"  {replay.interval} s: {told or 'nothing fires'}")
    for problem in problems:
        print(f"  {problem}")
    if not problems or keep:
        path = save(recording)
        print(f"  {path.name}, {path.stat().st_size // 1024} KiB, {time.monotonic() - began:.0f} s", flush=True)
    return not problems


if __name__ == "__main__":
    sys.exit(main())
