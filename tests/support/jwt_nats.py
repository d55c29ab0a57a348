"""A NATS server that knows its users by JWT (operator mode, accounts in its configuration), and their credentials
files. Keys and JWTs are made here as `nsc` makes them; whether they are right the server says."""

from __future__ import annotations

import base64
import binascii
import json
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from ghasi.devstack import binaries
from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.server import ask, plain_env
from ghasi.devstack.servers import Servers

SEED = 18 << 3
OPERATOR, ACCOUNT, USER = 14 << 3, 0, 20 << 3
"""First octets of keys: what a key is one of."""
UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
STORAGE = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)


class Key:
    """An Ed25519 key in the written form of NATS."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.signing = SigningKey.generate()

    @property
    def public(self) -> str:
        return _written(bytes([self.kind]) + bytes(self.signing.verify_key))

    @property
    def seed(self) -> str:
        return _written(bytes([SEED | self.kind >> 5, (self.kind & 31) << 3]) + bytes(self.signing))


def _written(octets: bytes) -> str:
    checksum = binascii.crc_hqx(octets, 0).to_bytes(2, "little")
    return base64.b32encode(octets + checksum).decode().rstrip("=")


def token(issuer: Key, subject: Key, *, lasts: int = 0, **claims: Any) -> str:
    """A JWT of `issuer` about `subject`, good for so many seconds, for ever with 0."""
    now = int(time.time())
    told = {"jti": "any", "iat": now, "iss": issuer.public, "sub": subject.public, "name": "test"}
    if lasts:
        told["exp"] = now + lasts
    parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, {**told, "nats": {"version": 2, **claims}}]
    text = ".".join(_plain(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_plain(issuer.signing.sign(text.encode()).signature)}"


def _plain(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def credentials(jwt: str, seed: str) -> str:
    """A credentials file as `nsc generate creds` writes it."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        "NKEY Seed printed below can be used to sign and prove identity.\n"
        "NKEYs are sensitive and should be treated as secrets.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n\n"
        "*************************************************************\n"
    )


class JwtNats:
    """nats-server with JetStream and one account for users beside the system's."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.folder = folder / "jwt-nats"
        self.folder.mkdir()
        self.port = free_port()
        self.operator, self.account, self.system = Key(OPERATOR), Key(ACCOUNT), Key(ACCOUNT)
        # Once: another one, be it a second younger, is not taken by a server that runs.
        self._operator_jwt = token(self.operator, self.operator, type="operator")
        self._config = self.folder / "nats.conf"
        argv = [str(binaries.nats_server()), "--config", str(self._config)]
        self.child = Child("jwt-nats", argv, run=servers.run, env=plain_env())

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def user(self, *, lasts: int = 0) -> tuple[Key, str]:
        """A new user's key and the content of his credentials file."""
        key = Key(USER)
        jwt = token(self.account, key, lasts=lasts, type="user", pub={}, sub={}, subs=-1, data=-1, payload=-1)
        return key, credentials(jwt, key.seed)

    def configure(self, revoked: Iterable[Key] = ()) -> None:
        """Writes the configuration, with users who are to be let in no more."""
        until = int(time.time()) + 60
        limits = {**UNLIMITED, "wildcards": True}
        revocations = {key.public: until for key in revoked}
        accounts = {
            self.account.public: {"limits": {**limits, **STORAGE}, "revocations": revocations},
            self.system.public: {"limits": limits},
        }
        keys = {key.public: key for key in (self.account, self.system)}
        config = {
            "listen": f"127.0.0.1:{self.port}",
            "server_name": "jwt",
            "jetstream": {"store_dir": str(self.folder / "store")},
            "operator": self._operator_jwt,
            "system_account": self.system.public,
            "resolver": "MEMORY",
            "resolver_preload": {
                name: token(self.operator, keys[name], type="account", **claims) for name, claims in accounts.items()
            },
        }
        self._config.write_text(json.dumps(config), encoding="utf-8")

    def start(self) -> None:
        self.configure()
        self.child.start()
        while not ask(self.port, b"PING\r\n", b"", greeting=b'"nonce"'):
            assert self.child.running, self.child.log_tail()
            time.sleep(0.02)

    def restart(self) -> None:
        """Killed, and started with the same data."""
        self.child.kill()
        self.start()

    def revoke(self, *users: Key) -> None:
        """While it runs: who is connected is cut off."""
        self.configure(users)
        self.child.signal(signal.SIGHUP)

    def stop(self) -> None:
        self.child.stop()
