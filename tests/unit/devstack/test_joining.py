"""A shell that reads the file has the variables as they are, and this environment's Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ghasi.devstack.joining import write_env

ODD = "postgresql://u:it's $HOME `x`@h/d"


def test_a_shell_joins_by_it(tmp_path: Path) -> None:
    file = write_env(tmp_path, {"DATABASE_URL": ODD})
    script = f'. {file} && printf "%s\\n" "$DATABASE_URL" "$(command -v python)"'
    said = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/bin:/usr/bin"}
    )
    assert said.stdout.splitlines() == [ODD, str(Path(sys.prefix) / "bin" / "python")]


def test_only_its_owner_reads_it_also_where_another_stood_before(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("export OLD=1\n")
    (tmp_path / "env").chmod(0o644)
    file = write_env(tmp_path, {"A": "b"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert "OLD" not in file.read_text()
