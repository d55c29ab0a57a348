"""Asks the vulnerability database about every pin: `python tests/check_vulnerabilities.py` (`make dependency-audit`).

Exit codes: 0 nothing is known against any of them, 1 something is, 3 it could not be asked about some of them and
nothing is known against the others. pip-audit, which asks, has one code for both; it gets an environment of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from enum import IntEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = (
    "requirements.txt",
    "requirements-otel.txt",
    "requirements-dev.txt",
    "requirements-docs.txt",
    "docker/requirements.lock",
    "tests/deploy/requirements.txt",
)
PIP_AUDIT = "pip-audit==2.10.1"
PLACE = ROOT / ".run" / "audit"
_KNOWN = re.compile(r"^Found \d+ known vulnerabilit", re.MULTILINE)


class Answer(IntEnum):
    """Of the database, about one file; the values are exit codes."""

    NOTHING_KNOWN = 0
    VULNERABLE = 1
    NOT_ASKED = 3


IN_WORDS = {
    Answer.NOTHING_KNOWN: "nothing is known against it",
    Answer.VULNERABLE: "it has known vulnerabilities",
    Answer.NOT_ASKED: "the vulnerability database could not be asked, nothing is known",
}


def answer_of(code: int, said: str) -> Answer:
    """What pip-audit's exit code and words come to."""
    if code == 0:
        return Answer.NOTHING_KNOWN
    return Answer.VULNERABLE if _KNOWN.search(said) else Answer.NOT_ASKED


def outcome(answers: Mapping[str, Answer]) -> Answer:
    """Of all files: one that is vulnerable outweighs others that could not be asked about."""
    found = set(answers.values())
    return next((one for one in (Answer.VULNERABLE, Answer.NOT_ASKED) if one in found), Answer.NOTHING_KNOWN)


def _ask(file: str) -> tuple[int, str]:
    argv = [str(PLACE / "bin" / "pip-audit"), "--strict", "--disable-pip", "--no-deps", "--progress-spinner", "off"]
    done = subprocess.run([*argv, "-r", file], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def audit(ask: Callable[[str], tuple[int, str]]) -> Answer:
    """Asks about every file and tells each answer; what pip-audit said stands on stderr where it is not well."""
    answers: dict[str, Answer] = {}
    for file in PINS:
        code, said = ask(file)
        answers[file] = answer_of(code, said)
        if answers[file] is not Answer.NOTHING_KNOWN:
            print(said.rstrip(), file=sys.stderr)
        print(f"dependency-audit: {file}: {IN_WORDS[answers[file]]}", flush=True)
    return outcome(answers)


def _made() -> bool:
    """Whether pip-audit is there now."""
    venv.create(PLACE, clear=True, with_pip=True)
    pip = [str(PLACE / "bin" / "pip"), "install", "-qq", "--disable-pip-version-check", PIP_AUDIT]
    return subprocess.run(pip, check=False).returncode == 0


def main() -> int:
    if not _made():
        print(f"dependency-audit: {PIP_AUDIT} could not be installed; nothing was asked", file=sys.stderr)
        return Answer.NOT_ASKED
    return audit(_ask)


if __name__ == "__main__":
    sys.exit(main())
