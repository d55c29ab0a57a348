"""Two people save one profile in the same moment, in the admin: nothing says that the second was saved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from ghasi.operators import profile_admin
from ghasi.operators.models import Profile, ProfileChange
from ghasi.operators.profiles import Author, delete_profile, save_profile
from tests.support import ledgerui as given

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")
ANNA = Author("anna", "contract signed", datetime(2026, 4, 18, 10, 30, tzinfo=UTC))
ADD = "/admin/operators/profile/add/"


@pytest.fixture
def name() -> Iterator[str]:
    made = f"test-{uuid4().hex[:8]}"
    yield made
    for model in (Profile, ProfileChange, LogEntry, User):
        model.objects.all().delete()
    connection.close()


@pytest.fixture
def client(name: str) -> Client:
    return given.staff("add_profile", "change_profile", "view_profile")


def race(monkeypatch: pytest.MonkeyPatch, first: Any) -> None:
    """Between the form's check and the save somebody else is quicker, once."""
    save = save_profile

    def elsewhere() -> None:
        try:
            first()
        finally:
            connection.close()

    def late(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(profile_admin, "save_profile", save)
        # In another connection: the transaction of the request is not to hold what is saved.
        other = Thread(target=elsewhere)
        other.start()
        other.join()
        return save(*given, **more)

    monkeypatch.setattr(profile_admin, "save_profile", late)


def nothing_is_told_as_saved(html: str) -> None:
    assert "successfully" not in html
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("new", [False, True])
def test_the_form_tells_it_and_keeps_what_was_typed(
    name: str, client: Client, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    path, read, named = (ADD, "0", {"name": name}) if new else (f"/admin/operators/profile/{name}/change/", "1", {})
    if not new:
        save_profile(name, {"pace": {"window": 5}}, ANNA)
    race(monkeypatch, lambda: save_profile(name, {"pace": {"window": 7}}, ANNA))
    sent = {"text": "pace: {window: 9}", "reason": "mine", "read_version": read, **named}
    html = client.post(path, sent, follow=True).content.decode()
    assert "pace: {window: 9}" in html
    assert ("already exists" if new else "Somebody else saved this profile meanwhile") in html
    assert 'class="errornote"' in html
    nothing_is_told_as_saved(html)


def test_what_somebody_deleted_meanwhile_is_not_there(
    name: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_profile(name, {"pace": {"window": 5}}, ANNA)
    race(monkeypatch, lambda: delete_profile(name, ANNA))
    sent = {"text": "pace: {window: 9}", "read_version": "1"}
    html = client.post(f"/admin/operators/profile/{name}/change/", sent, follow=True).content.decode()
    nothing_is_told_as_saved(html)
    assert not Profile.objects.exists()


def test_a_form_that_names_a_version_nobody_read_is_refused(name: str, client: Client) -> None:
    sent = {"name": name, "text": "pace: {window: 9}", "read_version": "7"}
    html = client.post(ADD, sent, follow=True).content.decode()
    assert "Not saved: somebody else saved this profile meanwhile." in html
    nothing_is_told_as_saved(html)
    assert not Profile.objects.exists()
