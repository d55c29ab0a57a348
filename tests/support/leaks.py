"""Looks for secrets where none may be, under every writing in which something might have put them there."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PROC_FILES = ("cmdline", "environ", "status", "comm", "limits")


@dataclass(frozen=True, slots=True)
class Leak:
    """Where a secret stands. Shows the name it was planted under, never the secret."""

    name: str
    writing: str
    where: str


def writings(secret: str) -> dict[str, bytes]:
    """A secret as text, in UTF-16, hexadecimal, Base64 at any offset, as Python, JSON and URLs write it."""
    octets, wide = secret.encode(), secret.encode("utf-16-be")
    found = {
        "text": octets,
        "UTF-16": wide,
        "UTF-16 LE": secret.encode("utf-16-le"),
        "hex": octets.hex().encode(),
        "HEX": octets.hex().upper().encode(),
        "UTF-16 hex": wide.hex().encode(),
        "JSON": json.dumps(secret)[1:-1].encode(),
        "repr": repr(secret)[1:-1].encode(),
        "bytes": repr(octets)[2:-1].encode(),
        "URL": quote(secret).encode(),
        "reversed": octets[::-1],
    }
    for offset in range(3):
        # What stands before it shifts Base64 by up to two octets; the characters at the seams depend on neighbours.
        coded = base64.b64encode(b"\0" * offset + octets)
        found[f"Base64 {offset}"] = coded[(0, 2, 3)[offset] : -4]
    return {writing: form for writing, form in found.items() if len(form) >= 6}


class Search:
    """For secrets by the names they were planted under; a secret that is too short to be told apart is refused."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        assert all(len(secret) >= 8 for secret in secrets.values()), "too short to be found for certain"
        self._forms = {
            (name, how): form for name, secret in secrets.items() for how, form in writings(secret).items()
        }
        self.searched = 0

    def octets(self, data: bytes, where: str) -> list[Leak]:
        self.searched += len(data)
        return [Leak(name, how, where) for (name, how), form in self._forms.items() if form in data]

    def files(self, paths: Iterable[Path]) -> list[Leak]:
        return [leak for path in paths if path.is_file() for leak in self.octets(path.read_bytes(), str(path.name))]

    def processes(self, group: int) -> list[Leak]:
        """Everybody of a process group, by what the system tells of them to others."""
        return [
            leak
            for pid in members(group)
            for name in PROC_FILES
            for leak in self.octets(_shown(pid, name), f"/proc/PID/{name} of {_shown(pid, 'comm').decode().strip()}")
        ]


def members(group: int) -> Iterator[int]:
    """The living processes of a group."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                yield int(entry.name)
        except ProcessLookupError:
            continue


def _shown(pid: int, name: str) -> bytes:
    """Empty where we may not read it: then nobody of our user may."""
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""
