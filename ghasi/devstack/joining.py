"""The file by which a shell joins a running stack: `. .run/up/env`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

NAME = "env"


def write_env(run_dir: Path, variables: Mapping[str, str]) -> Path:
    """Exports of `variables`, and the commands of this environment (`python`, …) first on PATH.

    Only its owner can read it: DATABASE_URL may hold a password.
    """
    file = run_dir / NAME
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f'export PATH={shlex.quote(str(Path(sys.prefix) / "bin"))}:"$PATH"')
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
