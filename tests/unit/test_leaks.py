"""tests.support.leaks finds what it must: a search that finds nothing would prove nothing."""

from __future__ import annotations

import base64
import os
import subprocess
import sys

import pytest

from tests.support.leaks import Leak, Search

SECRET = "Kabul-93701234567"
SEARCH = {"text": SECRET}


@pytest.mark.parametrize(
    "octets",
    [
        SECRET.encode(),
        SECRET.encode("utf-16-be"),
        SECRET.encode().hex().encode(),
        SECRET.encode("utf-16-be").hex().encode(),
        *(base64.b64encode(b"x" * before + SECRET.encode() + b"y" * 5) for before in range(3)),
    ],
)
def test_each_writing_is_found(octets: bytes) -> None:
    (leak, *_) = Search(SEARCH).octets(b"before " + octets + b" after", "here")
    assert (leak.name, leak.where) == ("text", "here")
    assert SECRET not in repr(leak)


def test_what_is_not_there_is_not_found() -> None:
    search = Search(SEARCH)
    assert search.octets(b"Kabul-9370*****67 " * 100, "here") == []
    assert search.searched == 1800


def test_a_secret_on_a_command_line_or_in_the_environment_is_found() -> None:
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, SECRET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PLANTED": SECRET, "PATH": os.environ["PATH"]},
        process_group=0,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    found = Search(SEARCH).processes(child.pid)
    child.communicate()
    assert {leak.where.partition(" ")[0] for leak in found} == {"/proc/PID/cmdline", "/proc/PID/environ"}
    assert all(isinstance(leak, Leak) for leak in found)
