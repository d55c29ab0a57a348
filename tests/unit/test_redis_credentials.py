"""ghasi.redis_credentials: user and password as the file has them, never those of another server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ghasi.env import Env
from ghasi.redis_credentials import FreshCredentials, parted


@pytest.mark.parametrize(
    ("url", "place", "credentials"),
    [
        ("redis://cache:6379/2", {"host": "cache", "port": 6379, "db": 2}, ()),
        ("redis://:p%40ss@cache", {"host": "cache"}, ("p@ss",)),
        ("redis://me:pass@cache", {"host": "cache"}, ("me", "pass")),
        ("redis://me@cache", {"host": "cache"}, ("me", "")),
        ("redis://cache?username=me&password=pass", {"host": "cache"}, ("me", "pass")),
    ],
)
def test_a_url_is_a_place_and_credentials(url: str, place: dict[str, object], credentials: tuple[str, ...]) -> None:
    assert parted(url) == (place, credentials)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "redis-url"
    path.write_text("redis://:first@cache/0\n")
    return path


def credentials(path: Path) -> FreshCredentials:
    env = Env({"REDIS_URL_FILE": str(path)})
    return FreshCredentials(env.text("REDIS_URL"), env)


def test_each_connection_gets_what_the_file_says_then(secret: Path) -> None:
    found = credentials(secret)
    assert found.get_credentials() == ("first",)
    secret.write_text("redis://me:second@cache/0")
    assert found.get_credentials() == ("me", "second")
    secret.write_text("redis://me:third@cache/0")
    assert asyncio.run(found.get_credentials_async()) == ("me", "third")


@pytest.mark.parametrize("content", ["", "no URL", "redis://:third@cache:port/0", "redis://:third@elsewhere/0"])
def test_a_file_that_is_no_good_changes_nothing(secret: Path, content: str) -> None:
    found = credentials(secret)
    secret.write_text("redis://:second@cache/0")
    assert found.get_credentials() == ("second",)
    secret.write_text(content)
    assert found.get_credentials() == ("second",)
    secret.unlink()
    assert found.get_credentials() == ("second",)


def test_without_a_file_they_are_for_good() -> None:
    assert FreshCredentials("redis://:first@cache", None).get_credentials() == ("first",)
    assert FreshCredentials("redis://cache", Env({"REDIS_URL": "redis://cache"})).get_credentials() == ()


def test_nothing_of_them_is_shown(secret: Path) -> None:
    assert "first" not in repr(credentials(secret))
