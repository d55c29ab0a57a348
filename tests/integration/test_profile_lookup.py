"""Live profiles by name, as `probe`, `segment`, `receipt` and `pdu` find them on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connection

from ghasi.management.profile_lookup import NoProfile, find, followed
from ghasi.operators.models import Profile, ProfileChange
from ghasi.operators.profiles import Author, save_profile

pytestmark = pytest.mark.usefixtures("django_ready")
ANNA = Author("anna", "contract signed", datetime(2026, 4, 18, 10, 30, tzinfo=UTC))
ID = "3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10"


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    def clear() -> None:
        Profile.objects.all().delete()
        ProfileChange.objects.all().delete()

    clear()
    yield
    clear()
    connection.close()


def test_a_live_profile_is_found_and_hides_a_preset() -> None:
    save_profile("ours", {"extends": "vonage", "pace": {"window": 3}}, ANNA)
    save_profile("vonage", {"pace": {"window": 4}}, ANNA)
    assert (find("Ours").profile.pace.window, find("ours").extends) == (3, "vonage")
    assert (find("vonage").profile.pace.window, find("vonage").extends) == (4, "")
    with pytest.raises(NoProfile, match="no live profile, and no preset"):
        find("theirs")


def test_an_operator_follows_its_own_before_the_named_one() -> None:
    assert followed(ID, "ours") is None
    save_profile("ours", {"pace": {"window": 3}}, ANNA)
    named = followed(ID, "ours")
    save_profile(ID, {"pace": {"window": 5}}, ANNA)
    own = followed(ID, "ours")
    assert named is not None
    assert own is not None
    assert (named.profile.pace.window, own.profile.pace.window) == (3, 5)


def test_a_database_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        patched.setitem(connection.settings_dict, "PORT", "1")
        assert "whether a live profile hides it cannot be read" in find("vonage").note
        for look in (lambda: find("ours"), lambda: followed(ID, "ours")):
            with pytest.raises(NoProfile, match="PostgreSQL: OperationalError"):
                look()


def test_a_door_goes_by_a_live_profile(capsys: pytest.CaptureFixture[str]) -> None:
    save_profile("ours", {"text": {"alphabet": "latin1"}}, ANNA)
    call_command("segment", "a" * 150)
    call_command("segment", "a" * 150, profile="ours")
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("150 characters")]
    assert heads == ["150 characters, 1 part", "150 characters, 2 parts"]
