"""DATABASE_PASSWORD beside DATABASE_URL: which counts, when it is read, what is refused."""

from pathlib import Path

import pytest

from ghasi.database.password import password_from_env
from ghasi.database.url import SOURCE, database_from_env
from ghasi.env import Env, SettingsError

URL = "postgresql://me:s3cret@db/sms"


def test_without_it_the_urls_password_counts() -> None:
    found = database_from_env(Env({"DATABASE_URL": URL}), conn_max_age=0)
    assert found["PASSWORD"] == "s3cret"
    assert SOURCE not in found


@pytest.mark.parametrize("url", [URL, "postgresql://me@db/sms", ""])
def test_it_takes_the_place_of_the_urls(url: str) -> None:
    found = database_from_env(Env({"DATABASE_URL": url, "DATABASE_PASSWORD": "other"}), conn_max_age=0)
    assert found["PASSWORD"] == ""
    assert found[SOURCE]() == "other"
    assert "other" not in repr(found)


def test_a_file_is_read_each_time_and_its_last_word_kept(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("first\n")
    password = password_from_env(Env({"DATABASE_PASSWORD_FILE": str(path)}))
    assert password
    given = [password()]
    for content in ("second", "", None, "third"):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        given.append(password())
    assert given == ["first", "second", "second", "second", "third"]


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_file_without_a_password_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=r"^DATABASE_PASSWORD"):
        password_from_env(Env({"DATABASE_PASSWORD_FILE": str(path)}))


def test_both_at_once_are_refused_without_being_quoted(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("s3cret")
    with pytest.raises(SettingsError) as refused:
        password_from_env(Env({"DATABASE_PASSWORD_FILE": str(path), "DATABASE_PASSWORD": "other"}))
    assert "s3cret" not in str(refused.value)
    assert "other" not in str(refused.value)
