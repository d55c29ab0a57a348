"""Profiles by name or file where no database is configured; with one see tests/integration/test_profile_lookup.py."""

from pathlib import Path

import pytest
from django.db import connection

from ghasi.management.profile_lookup import NoProfile, find, followed

ID = "3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10"


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", "")


def test_a_preset_needs_none() -> None:
    found = find("Vonage")
    assert (found.profile.text.alphabet, found.extends, found.note) == ("latin1", "vonage", "")


@pytest.mark.parametrize("name", ["own.yaml", "own"])
def test_a_file_needs_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("extends: vonage\npace: {window: 3}\n")
    found = find(str(tmp_path / name))
    assert (found.profile.pace.window, found.extends) == (3, "vonage")


def test_a_file_that_is_no_profile_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: vonage\npace: {window: 0}\n")
    with pytest.raises(NoProfile, match="line 2"):
        find(str(tmp_path / "own.yaml"))


def test_another_name_says_that_live_profiles_need_a_database() -> None:
    with pytest.raises(NoProfile, match="live profiles are not read \\(DATABASE_URL is not set\\)"):
        find("ours")


def test_nothing_is_followed() -> None:
    assert followed(ID, "ours") is None
