"""ghasi.bus.credentials: files of all kinds of wholeness, and a server whose users come with JWTs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from nats.js.api import StreamConfig
from structlog.testing import capture_logs

from ghasi.bus import Bus, BusError, BusSettings, Publication
from ghasi.bus.credentials import Credentials
from ghasi.devstack.servers import Servers
from ghasi.env import Env, SettingsError
from tests.support.gateway import until
from tests.support.jwt_nats import OPERATOR, USER, JwtNats, Key, credentials

JWT = "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJVQSJ9.c2lnbmVk-_"
SEED = Key(USER).seed
WHOLE = credentials(JWT, SEED)
JWT_ONLY, SEED_ONLY = WHOLE[: WHOLE.index("***")], WHOLE[WHOLE.index("-----BEGIN USER") :]
OTHER_CHECKSUM = WHOLE.replace(SEED, SEED[:-1] + ("A" if SEED[-1] != "A" else "Q"))
BROKEN = {
    "empty": "",
    "something else": "no credentials",
    "a JWT alone": JWT_ONLY,
    "a seed alone": SEED_ONLY,
    "cut in the JWT": WHOLE[:60],
    "cut before the seed": WHOLE[: WHOLE.index(SEED)],
    "cut in the seed": WHOLE[: WHOLE.index(SEED) + 30],
    "cut in the last mark": WHOLE[: WHOLE.index("------END USER") + 20],
    "a JWT of two parts": WHOLE.replace(JWT, JWT.rpartition(".")[0]),
    "an empty JWT": WHOLE.replace(JWT, ""),
    "a seed mistyped": WHOLE.replace(SEED, SEED.replace(SEED[20:24], "AAAA" if SEED[20:24] != "AAAA" else "BBBB")),
    "another checksum": OTHER_CHECKSUM,
    "the seed of an operator": WHOLE.replace(SEED, Key(OPERATOR).seed),
    "a JWT marked as a seed": WHOLE.replace("NATS USER JWT", "USER NKEY SEED"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "user.creds"


def write(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")


def env(file: Path, url: str = "nats://127.0.0.1:4222") -> Env:
    return Env({"NATS_URL": url, "NATS_CREDS_FILE": str(file)})


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_whole_ends_the_start_with_one_line(file: Path, content: str) -> None:
    write(file, content)
    with pytest.raises(SettingsError) as refused:
        BusSettings.from_env(env(file))
    assert re.fullmatch(
        r"NATS_CREDS_FILE: must name a file with a user's JWT and seed, both [a-z, ]+", str(refused.value)
    )


@pytest.mark.parametrize(
    "content",
    [WHOLE, WHOLE.replace("\n", "\r\n"), SEED_ONLY + JWT_ONLY, "\n\n" + WHOLE.rstrip()],
    ids=["as nsc writes it", "of Windows", "the other way round", "with other spaces"],
)
def test_a_whole_file_is_taken(file: Path, content: str) -> None:
    file.write_bytes(content.encode())
    settings = BusSettings.from_env(env(file))
    made = settings.credentials()
    assert made is not None
    assert len(made.sign("nonce")) == 88
    assert made.jwt() == JWT.encode()


def test_octets_that_are_no_text_are_no_other_error(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(SettingsError, match="NATS_CREDS_FILE"):
        BusSettings.from_env(env(file))


def test_without_the_variable_there_are_none() -> None:
    assert BusSettings.from_env(Env({"NATS_URL": "nats://a"})).credentials() is None


def test_the_last_whole_file_counts_while_it_is_not_whole(file: Path) -> None:
    write(file, WHOLE)
    made = Credentials(file)
    first = made.sign("nonce")
    with capture_logs() as logs:
        for content in BROKEN.values():
            write(file, content)
            assert (made.sign("nonce"), made.jwt()) == (first, JWT.encode())
        file.unlink()
        assert (made.sign("nonce"), made.jwt()) == (first, JWT.encode())
    assert {one["event"] for one in logs} == {"bus.creds_unreadable"}
    assert len(logs) == len(BROKEN) + 1
    assert not any(secret in str(logs) for secret in (SEED, SEED[:20], JWT, JWT[:20], str(file)))
    write(file, credentials(JWT, Key(USER).seed))
    assert made.sign("nonce") != first


def test_where_none_was_whole_yet_it_is_an_error_after_which_nats_py_tries_again(file: Path) -> None:
    for ask in (lambda: Credentials(file).sign("nonce"), Credentials(file).jwt):
        with pytest.raises(nats.errors.Error) as error:
            ask()
        assert str(file) not in str(error.value)


def test_nothing_secret_is_in_the_repr(file: Path) -> None:
    write(file, WHOLE)
    made = Credentials(file)
    made.sign("nonce")
    told = repr(made) + repr(made._user) + repr(BusSettings.from_env(env(file)))
    assert SEED not in told
    assert JWT not in told


@pytest.fixture
def server(own_servers: Callable[..., Servers], tmp_path: Path) -> Iterator[JwtNats]:
    made = JwtNats(own_servers(only=[]), tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def bus(server: JwtNats, file: Path) -> AsyncIterator[Bus]:
    _, content = server.user()
    write(file, content)
    made = await Bus.connect(BusSettings.from_env(env(file, server.url)), "test", wait=30.0)
    yield made
    await made.close()


async def published(bus: Bus) -> None:
    """One message is on its stream. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while True:
            try:
                await bus.publish(Publication("a", b"x"))
                return
            except BusError:
                await asyncio.sleep(0.05)


def names(logs: list[Any]) -> list[str]:
    return [one["event"] for one in logs]


async def test_a_file_cut_off_at_a_reconnect_does_not_keep_the_process_outside(
    server: JwtNats, bus: Bus, file: Path
) -> None:
    await bus.js.add_stream(StreamConfig(name="A", subjects=["a"]))
    await published(bus)
    _, whole = server.user()
    for content in (whole[: len(whole) // 2], "", SEED_ONLY, whole):
        write(file, content)
        with capture_logs() as logs:
            await asyncio.to_thread(server.restart)
            await until(lambda: "bus.reconnected" in names(logs))
            await published(bus)
        assert ("bus.creds_unreadable" in names(logs)) is (content != whole)
    assert (await bus.js.stream_info("A")).state.messages == 5


async def test_who_is_refused_with_the_last_whole_file_comes_in_with_the_next(server: JwtNats, file: Path) -> None:
    """A rotation that was cut off half way: the old user is revoked, the new one's file is not whole yet."""
    (old, content), (_, new) = server.user(), server.user()
    write(file, content)
    bus = await Bus.connect(BusSettings.from_env(env(file, server.url)), "test", wait=30.0)
    write(file, new[: len(new) // 2])
    with capture_logs() as logs:
        server.revoke(old)
        await until(lambda: names(logs).count("bus.not_let_in") > 3)
        assert not bus.connected
        write(file, new)
        await until(lambda: "bus.reconnected" in names(logs))
    assert "bus.creds_unreadable" in names(logs)
    await bus.flush()
    await bus.close()


async def test_a_jwt_that_ends_is_followed_by_the_one_in_the_file(server: JwtNats, file: Path) -> None:
    (_, short), (_, long) = server.user(lasts=6), server.user()
    write(file, short)
    bus = await Bus.connect(BusSettings.from_env(env(file, server.url)), "test", wait=30.0)
    with capture_logs() as logs:
        write(file, long)
        await until(lambda: "bus.reconnected" in names(logs))
    assert [one["detail"] for one in logs if one["event"] == "bus.not_let_in"] == [
        "nats: 'user authentication expired'"
    ]
    await bus.flush()
    await bus.close()


async def test_a_start_waits_for_a_file_that_is_cut_off_as_it_connects(server: JwtNats, file: Path) -> None:
    _, content = server.user()
    write(file, content)
    settings = BusSettings.from_env(env(file, server.url))
    write(file, content[content.index("-----BEGIN USER") :])
    with capture_logs() as logs:
        with pytest.raises(BusError):
            await Bus.connect(settings, "test", wait=1.0)
        connecting = asyncio.create_task(Bus.connect(settings, "test", wait=60.0))
        tried = len(logs)
        await until(lambda: names(logs)[tried:].count("bus.creds_unreadable") > 1)
        write(file, content)
        bus = await connecting
    await bus.flush()
    await bus.close()


async def test_who_is_not_the_account_s_is_not_let_in(server: JwtNats, file: Path) -> None:
    """The server checks the signature: else these tests would show nothing."""
    _, content = server.user()
    write(file, re.sub(r"\bSU[A-Z2-7]{56}\b", SEED, content))
    with pytest.raises(BusError):
        await Bus.connect(BusSettings.from_env(env(file, server.url)), "thief", wait=1.5)
