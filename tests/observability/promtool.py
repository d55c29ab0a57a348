"""Runs promtool. What fails is told by its own words."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.observability.series import Firing, Recording, Replay, promtool_test

_GOT = re.compile(r'\{alertname="(\w+)"(?:, operator_id="([^"]*)")?\}')


class Missing(Exception):
    """There is no promtool on this machine."""


def promtool(*argv: str, given: str | None = None) -> tuple[int, str]:
    """Exit code and all it said. Raises Missing."""
    if shutil.which("promtool") is None:
        raise Missing("promtool is needed (on Debian: apt-get install --no-install-recommends prometheus)")
    done = subprocess.run(
        ["promtool", *argv], input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def replayed(recording: Recording, replays: Sequence[Replay]) -> tuple[int, str]:
    """Whether exactly the named alerts fire."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for replay in replays:
            path = Path(folder) / f"{recording.name}-{replay.interval}.yml"
            document = promtool_test(recording, replay)
            path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, width=1 << 20), encoding="utf-8")
            paths.append(str(path))
        return promtool("test", "rules", *paths)


def fired(recording: Recording, interval: int) -> tuple[Firing, ...]:
    """What fires when a recording is replayed, found by expecting nothing. Raises AssertionError with promtool's word
    where the test cannot be run."""
    code, said = replayed(recording, [Replay(interval, ())])
    _, _, got = said.partition("got:")
    found = tuple(sorted(set(_GOT.findall(got))))
    assert code == 0 or found, said
    return found
