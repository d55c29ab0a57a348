"""The Makefile's targets of one folder: ARGS chooses among it or names what runs in its place."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("args", "asked"),
    [
        ("", "tests/{}"),
        ("-k login -x", "tests/{} -k login -x"),
        ("tests/{}/test_one.py", "tests/{}/test_one.py"),
        ("-x tests/{}/test_one.py::test_it", "-x tests/{}/test_one.py::test_it"),
        ("./tests/{}/test_one.py -k login", "./tests/{}/test_one.py -k login"),
    ],
)
@pytest.mark.parametrize("target", ["tls", "browser", "faults"])
def test_a_path_in_args_stands_for_the_folder(target: str, args: str, asked: str) -> None:
    # What an outer make was given would count here too.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    argv = ["make", "--dry-run", target, f"ARGS={args.format(target)}"]
    told = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    (line,) = re.findall(r"-m tests\.once_more (.*?)(?: \|\| .*)?$", told, re.MULTILINE)
    assert line.split() == asked.format(target).split()
