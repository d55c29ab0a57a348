"""ghasi.devstack.processes: how pools are started, there and in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ghasi.devstack import processes
from ghasi.devstack.paths import CHECKOUT

FLAG = "--worker-fork-timeout 300000"
"""Dramatiq waits so long, in ms, for slow workers before it starts what serves their metrics. After its own 30 s it
never does, and says nothing."""


def test_a_pool_that_takes_long_to_come_up_has_metrics_all_the_same(tmp_path: Path) -> None:
    spec = processes.pool("dispatch", 9191, tmp_path, processes=1, threads=1)
    assert FLAG in " ".join(map(str, spec.argv))


@pytest.mark.parametrize("document", ["contract.md", "operations.md"])
def test_the_documents_say_so_too(document: str) -> None:
    text = (CHECKOUT / "docs" / document).read_text(encoding="utf-8")
    commands = re.findall(r"`(dramatiq workers\.app [^`]*)`", text)
    assert commands
    assert all(FLAG in one for one in commands)
