"""Servers with TLS for `make tls`, from Debian's packages: those of `make test` are built without it.

Nothing of Debian's own services is used or started: each server is a child of the test on a free port, gone with it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from ghasi.devstack.ports import free_port

PASSWORD = "tls-test-password"
_WAIT = 20.0


@dataclass(frozen=True, slots=True)
class Files:
    """An authority, a certificate for 127.0.0.1 and one of a client, as files everybody on the machine may read but
    for the keys."""

    folder: Path
    authority: trustme.CA

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def issue(self, name: str, *identities: str) -> tuple[Path, Path]:
        """Certificate and key, written anew at each call."""
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        made = self.authority.issue_cert(*identities, common_name=name)
        made.cert_chain_pems[0].write_to_path(cert)
        made.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        return cert, key


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "certificates"
    folder.mkdir()
    made = Files(folder, trustme.CA())
    made.authority.cert_pem.write_to_path(made.ca)
    return made


def program(name: str) -> str:
    """Of a Debian package; its absence fails the test, it never skips it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    assert found, f"{name} is not installed (on Debian: apt-get install redis-server postgresql)"
    return found


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """`run(argv, port, user=None)`: a server until the test ends."""
    children: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "server.log").open("ab")

    def start(argv: list[str], port: int, user: int | None = None) -> int:
        account = {"user": user, "group": user, "extra_groups": None if user is None else []}
        child = subprocess.Popen(argv, stdout=log, stderr=log, **account)
        children.append(child)
        end = time.monotonic() + _WAIT
        while not listens(port):
            said = (tmp_path / "server.log").read_text(errors="replace")[-2000:]
            assert child.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.05)
        return port

    yield start
    for child in children:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    log.close()


@pytest.fixture
def redis_port(run: Run, files: Files, tmp_path: Path) -> int:
    """A Redis that speaks TLS only, and only with clients that show a certificate."""
    cert, key = files.issue("redis", "127.0.0.1")
    port = free_port()
    settings = {
        "port": "0",
        "tls-port": str(port),
        "bind": "127.0.0.1",
        "tls-cert-file": str(cert),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(files.ca),
        "tls-auth-clients": "yes",
        "requirepass": PASSWORD,
        "save": '""',
        "dir": str(tmp_path),
    }
    configuration = tmp_path / "redis.conf"
    configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return run([program("redis-server"), str(configuration)], port)


@pytest.fixture
def postgres_port(run: Run, files: Files) -> Iterator[int]:
    """A PostgreSQL that takes TLS connections only, with a client certificate and a password."""
    user = 65534 if os.geteuid() == 0 else None
    home = Path("/var/tmp") / f"ghasi-tls-{os.getpid()}"
    home.mkdir(mode=0o700)
    try:
        cert, key = files.issue("postgres", "127.0.0.1")
        for path in (files.ca, cert, key):
            shutil.copy(path, home)
        (home / "password").write_text(PASSWORD)
        (home / key.name).chmod(0o600)
        if user is not None:
            for path in (home, *home.iterdir()):
                os.chown(path, user, user)
        data = home / "data"
        account = {"user": user, "group": user, "extra_groups": None if user is None else []}
        subprocess.run(
            [
                program("initdb"),
                f"--pgdata={data}",
                "--username=ghasi",
                "--auth=scram-sha-256",
                "--no-sync",
                f"--pwfile={home / 'password'}",
            ],
            check=True,
            capture_output=True,
            cwd=home,
            **account,
        )
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n")
        port = free_port()
        options = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(home),
            "ssl": "on",
            "ssl_ca_file": str(home / files.ca.name),
            "ssl_cert_file": str(home / cert.name),
            "ssl_key_file": str(home / key.name),
            "fsync": "off",
        }
        argv = [program("postgres"), "-D", str(data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        yield run(argv, port, user)
    finally:
        shutil.rmtree(home, ignore_errors=True)
