"""Live profiles on a real PostgreSQL and NATS: saved, kept, published, healed, written in the admin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord, State
from ghasi.operators.models import Profile, ProfileChange
from ghasi.operators.profile_bucket import publish
from ghasi.operators.profiles import Author, ChangedMeanwhile, delete_profile, records, save_profile
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.record import ProfileRecord

pytestmark = pytest.mark.usefixtures("django_ready")

NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
ANNA = Author("anna", "contract signed", NOW)
ADD = "/admin/operators/profile/add/"
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    def clear() -> None:
        Profile.objects.all().delete()
        ProfileChange.objects.all().delete()
        User.objects.all().delete()

    clear()
    yield
    clear()
    connection.close()


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex[:8]}"


def on_bus(nats_url: str, what: Any) -> Any:
    async def run() -> Any:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        await bus.ensure(streams=False)
        try:
            return await what(bus)
        finally:
            await bus.close()

    return asyncio.run(run())


def held(nats_url: str, key: str) -> ProfileRecord:
    async def read(bus: Bus) -> bytes:
        entry = await (await bus.bucket(subjects.BUCKET_PROFILES)).get(key)
        return entry.value or b""

    return msgspec.json.decode(on_bus(nats_url, read), type=ProfileRecord)


def followed(nats_url: str, source: str, needs_rebind: tuple[str, ...] = ()) -> str:
    """An operator of which a gateway says that it follows that profile."""
    operator = str(uuid4())
    record = SessionRecord(
        operator, "gw-1", "e1", State.BOUND, operator_name="Roshan", profile=source, needs_rebind=needs_rebind
    )

    async def report(bus: Bus) -> None:
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        await bucket.put(subjects.session_key(operator, "gw-1"), msgspec.json.encode(record))

    on_bus(nats_url, report)
    return operator


def staff(*permissions: str) -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


# --- services


def test_each_change_is_a_version_with_who_when_why_and_what(name: str) -> None:
    first = save_profile(name, {"extends": "vonage", "pace": {"window": 5}}, ANNA)
    assert (first.version, first.needs_rebind) == (1, [])
    assert [one.path for one in first.changes if one.path == "receipts.idBase"]
    again = save_profile(name, {"extends": "vonage", "pace": {"window": 5}}, ANNA)
    assert (again.version, again.changes) == (1, [])
    second = save_profile(name, {"extends": "vonage", "bind": {"systemType": "VMA"}}, Author("omid", "", NOW))
    assert (second.version, second.needs_rebind) == (2, ["bind.systemType"])
    rows = list(ProfileChange.objects.order_by("version"))
    assert [(one.version, one.changed_by, one.reason) for one in rows] == [
        (1, "anna", "contract signed"),
        (2, "omid", ""),
    ]
    assert rows[1].changes == [["bind.systemType", "", "VMA"], ["pace.window", 5, 10]]
    assert Profile.objects.get(name=name).document == {"extends": "vonage", "bind": {"systemType": "VMA"}}


def test_what_is_no_profile_or_was_changed_meanwhile_is_not_saved(name: str) -> None:
    with pytest.raises(InvalidProfile):
        save_profile(name, {"pace": {"window": 0}}, ANNA)
    with pytest.raises(InvalidProfile, match="name: has to be"):
        save_profile("Bad Name", {}, ANNA)
    save_profile(name, {}, ANNA, read_version=0)
    with pytest.raises(ChangedMeanwhile):
        save_profile(name, {"pace": {"window": 3}}, ANNA, read_version=0)
    assert Profile.objects.get(name=name).version == 1


def test_a_profile_taken_away_keeps_its_history_and_its_count(name: str) -> None:
    save_profile(name, {"pace": {"window": 5}}, ANNA)
    gone = delete_profile(name, ANNA)
    assert gone is not None
    assert gone.version == 2
    assert delete_profile(name, ANNA) is None
    assert [(one.name, one.version, one.document) for one in records()] == [(name, 2, None)]
    assert save_profile(name, {"pace": {"window": 6}}, ANNA).version == 3
    assert [(one.version, one.document) for one in records()] == [(3, {"pace": {"window": 6}})]


def test_the_bucket_is_brought_up_to_the_database_and_never_back(name: str, nats_url: str) -> None:
    settings = BusSettings(urls=(nats_url,))
    save_profile(name, {"pace": {"window": 5}}, ANNA)
    assert publish(settings, records()) == [name]
    assert held(nats_url, name).document == {"pace": {"window": 5}}
    assert publish(settings, records()) == []
    old = records()
    save_profile(name, {"pace": {"window": 6}}, ANNA)
    assert publish(settings, records()) == [name]
    assert publish(settings, old) == []
    assert held(nats_url, name).version == 2

    async def lose(bus: Bus) -> None:
        await bus.js.delete_key_value(subjects.BUCKET_PROFILES)

    on_bus(nats_url, lose)
    assert publish(settings, records()) == [name]
    assert held(nats_url, name).version == 2


# --- the command


def run(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    call_command("profiles", *args)
    return capsys.readouterr().out


def test_validate_names_each_problem_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "roshan.yaml"
    file.write_text(f"extends: vonage\npace:\n  window: 0\nbind:\n  systemType: {SECRET * 5}\n")
    with pytest.raises(SystemExit) as ended:
        run(capsys, "validate", str(file))
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "line 3: pace.window: has to be from 1 to 5000",
        "line 5: bind.systemType: is longer than 12 characters",
    ]
    file.write_text("extends: vonage\n")
    assert run(capsys, "validate", str(file), "--json") == '{"valid": true, "problems": []}\n'


def test_import_show_diff_history_and_delete(
    name: str, tmp_path: Path, nats_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text("extends: telesign\nbind: {systemType: VMA}\ntlvs: {send: [{tag: 0x2900, value: otp}]}\n")
    out = run(capsys, "import", str(file), "--reason", "first")
    assert 'bind.systemType: "" -> "VMA"' in out
    assert f"{name} version 1" in out
    assert "needs rebind: bind.systemType" in out
    assert held(nats_url, name).version == 1
    shown = run(capsys, "show", name)
    assert "tag: 0x2900" in shown
    assert "maxParts" not in shown
    assert "maxParts: 10" in run(capsys, "show", name, "--effective")
    assert 'bind.systemType: "VMA" -> ""' in run(capsys, "diff", name, "telesign")
    assert run(capsys, "diff", name, str(file)) == "no difference\n"
    operator = followed(nats_url, f"live:{name}", ("bind.systemType",))
    listed = run(capsys, "list")
    assert f"{name} live version 1" in listed
    assert f"  {operator} Roshan needs rebind: bind.systemType" in listed
    assert "gatewayapi preset" in listed
    assert "all published before" in run(capsys, "publish")
    assert f"{name} version 2" in run(capsys, "delete", name, "--reason", "ended")
    assert held(nats_url, name).document is None
    history = run(capsys, "history", name)
    assert history.startswith("2 ")
    assert "ended\n  taken away" in history
    versions = json.loads(run(capsys, "history", name, "--json"))["versions"]
    assert [one["version"] for one in versions] == [2, 1]
    with pytest.raises(CommandError, match="no live profile"):
        run(capsys, "show", name)


def test_a_dry_run_over_what_this_release_cannot_read_compares_with_plain(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Profile.objects.create(
        name=name, version=1, document={"text": {"alphabet": "klingon"}}, updated_at=NOW, updated_by="anna"
    )
    file = tmp_path / f"{name}.yaml"
    file.write_text("bind: {systemType: VMA}\n")
    assert run(capsys, "import", str(file), "--dry-run") == 'bind.systemType: "" -> "VMA"\n'
    assert run(capsys, "delete", name, "--dry-run") == "no difference\n"


# --- the admin


def saved(client: Client, path: str, **fields: str) -> str:
    return client.post(path, fields, follow=True).content.decode()


def test_a_profile_is_written_checked_and_kept_in_the_admin(name: str, nats_url: str) -> None:
    client = staff("add_profile", "change_profile", "view_profile", "view_profilechange", "delete_profile")
    wrong = saved(client, ADD, name=name, preset="vonage", text=f"pace:\n  windw: {SECRET}\n", read_version="0")
    assert "line 2: pace.windw: is no field of a profile, perhaps window is meant" in wrong
    assert not Profile.objects.exists()
    html = saved(
        client, ADD, name=name, preset="vonage", text="bind: {systemType: VMA}", reason="new", read_version="0"
    )
    assert "next bind only: bind.systemType" in html
    assert Profile.objects.get(name=name).document == {"extends": "vonage", "bind": {"systemType": "VMA"}}
    assert held(nats_url, name).version == 1

    followed(nats_url, f"live:{name}", ("bind.systemType",))
    path = f"/admin/operators/profile/{name}/change/"
    page = client.get(path).content.decode()
    assert "extends: vonage" in page
    assert "Roshan – needs rebind: bind.systemType" in page
    saved(client, path, text="extends: vonage", reason="back", read_version="1")
    assert ProfileChange.objects.get(profile_name=name, version=2).reason == "back"
    stale = saved(client, path, text="extends: infobip", read_version="1")
    assert "Somebody else saved this profile meanwhile" in stale
    assert Profile.objects.get(name=name).version == 2

    history = client.get("/admin/operators/profilechange/", {"profile_name": name}).content.decode()
    assert "bind.systemType" in history
    row = ProfileChange.objects.get(profile_name=name, version=2)
    one = client.get(f"/admin/operators/profilechange/{row.pk}/change/").content.decode()
    assert '<th scope="row">bind.systemType</th><td>&quot;VMA&quot;</td><td>&quot;&quot;</td>' in one

    saved(client, f"/admin/operators/profile/{name}/delete/", post="yes")
    assert not Profile.objects.exists()
    assert held(nats_url, name).document is None


def test_the_admin_is_guarded_and_nats_away_loses_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(name, {"pace": {"window": 5}}, ANNA)
    path = f"/admin/operators/profile/{name}/change/"
    assert staff().get(path).status_code == 403
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.operators.live.CONNECT_WAIT", 0.3)
    monkeypatch.setattr("ghasi.operators.profile_bucket.CONNECT_WAIT", 0.3)
    viewer = staff("view_profile")
    shown = viewer.get(path).content.decode()
    assert "window: 5" in shown
    assert "<textarea" not in shown
    assert "cannot be read: NATS cannot be reached" in shown
    assert viewer.post(path, {"text": "", "read_version": "1"}).status_code == 403
    html = saved(staff("change_profile", "view_profile"), path, text="pace: {window: 6}", read_version="1")
    assert "published as soon as NATS can be reached" in html
    assert Profile.objects.get(name=name).version == 2


def test_what_a_save_would_change_is_shown_and_nothing_is_saved(name: str) -> None:
    save_profile(name, {"pace": {"window": 5}}, ANNA)
    client = staff("change_profile", "view_profile", "add_profile")
    path = f"/admin/operators/profile/{name}/change/"
    text = "pace: {window: 6}\nbind: {systemType: VMA}"
    html = saved(client, path, text=text, reason="try", read_version="1", _preview="Show what changes")
    assert '<th scope="row">pace.window</th><td>5</td><td>6</td>' in html
    assert "next bind only: bind.systemType" in html
    assert "pace: {window: 6}" in html
    assert 'value="try"' in html
    assert Profile.objects.get(name=name).version == 1
    wrong = saved(client, path, text="pace: {windw: 1}", read_version="1", _preview="1")
    assert "perhaps window is meant" in wrong
    assert 'id="preview"' not in wrong
    html = saved(client, ADD, name=f"{name}-b", preset="vonage", text="", read_version="0", _preview="1")
    assert '<th scope="row">receipts.idBase</th>' in html
    assert f'value="{name}-b"' in html
    assert Profile.objects.count() == 1
    assert staff("view_profile").post(path, {"text": "", "read_version": "1", "_preview": "1"}).status_code == 403


def test_a_new_profile_starts_from_a_preset() -> None:
    client = staff("view_profile", "add_profile")
    html = client.get("/admin/operators/profile/presets/").content.decode()
    assert "Ids are hexadecimal in responses" in html
    assert f"{ADD}?preset=vonage" in html
    assert '<option value="vonage" selected>' in client.get(ADD, {"preset": "vonage"}).content.decode()
    assert ADD not in staff("view_profile").get("/admin/operators/profile/presets/").content.decode()
    assert staff().get("/admin/operators/profile/presets/").status_code == 403


def test_an_earlier_version_is_taken_up_again(name: str) -> None:
    save_profile(name, {"pace": {"window": 5}}, ANNA)
    save_profile(name, {"pace": {"window": 6}}, ANNA)
    client = staff("change_profile", "view_profile", "add_profile", "view_profilechange")
    first = ProfileChange.objects.get(profile_name=name, version=1)
    page = client.get(f"/admin/operators/profilechange/{first.pk}/change/").content.decode()
    assert '<th scope="row">pace.window</th><td>5</td><td>6</td>' in page
    assert f"/admin/operators/profile/{name}/change/?version=1" in page
    form = client.get(f"/admin/operators/profile/{name}/change/", {"version": "1"}).content.decode()
    assert "window: 5" in form
    assert "back to version 1" in form
    assert Profile.objects.get(name=name).version == 2
    delete_profile(name, ANNA)
    page = client.get(f"/admin/operators/profilechange/{first.pk}/change/").content.decode()
    assert f"{ADD}?name={name}&amp;version=1" in page
    form = client.get(ADD, {"name": name, "version": "1"}).content.decode()
    assert "window: 5" in form
    assert f'value="{name}"' in form
    for version in ("3", "9", "x"):
        assert "back to version" not in client.get(ADD, {"name": name, "version": version}).content.decode()
