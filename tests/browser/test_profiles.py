"""Profiles: from a preset, checked, compared, saved, and back to what was before."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from ghasi.bus import BusSettings
from ghasi.devstack.stack import ADMIN, Stack
from tests.browser.chromium import PHONE, Browser

SEEBLICK = "6ba7b810-9dad-41d1-80b4-00c04fd43002"


@pytest.fixture
def name(browser: Browser) -> Iterator[str]:
    """A name that is free, and gone at the end."""
    from ghasi.operators.models import Profile

    made = f"browser-{uuid4().hex[:6]}"
    yield made
    Profile.objects.filter(name=made).delete()


def write(browser: Browser, text: str) -> None:
    box = browser.one("#id_text")
    box.clear()
    box.send_keys(text)


def press(browser: Browser, button: str) -> None:
    browser.follow(browser.one(f"[name={button}]"))


def test_a_profile_from_a_preset_to_its_second_version_and_back(browser: Browser, name: str) -> None:
    browser.open("/admin/operators/profile/")
    browser.follow(browser.one("a[href$='/profile/presets/']"))
    assert "hexadecimal in responses" in browser.text("#preset-vonage")
    browser.shoot("profile-presets")
    browser.follow(browser.one("#preset-vonage a.button"))
    browser.one("#id_name").send_keys(name)
    write(browser, "pace:\n  windw: 5\n")
    press(browser, "_preview")
    assert "line 2: pace.windw" in browser.text("#content")
    write(browser, "pace:\n  window: 5\n")
    press(browser, "_preview")
    assert "pace.window" in browser.text("#preview")
    assert "receipts.idBase" in browser.text("#preview")
    browser.shoot("profile-preview")
    browser.look(PHONE, dark=True)
    assert browser.wider_than_screen() <= 0
    browser.shoot("profile-preview-phone-dark")
    browser.look()
    press(browser, "_save")
    browser.until(lambda: name in browser.text("#result_list"), "saved")

    browser.open(f"/admin/operators/profile/{name}/change/")
    write(browser, "extends: vonage\npace:\n  window: 6\n")
    press(browser, "_save")
    browser.until(lambda: "changed successfully" in browser.text(".messagelist"), "saved")
    browser.open(f"/admin/operators/profilechange/?profile_name={name}")
    assert len(browser.all("#result_list tbody tr")) == 2
    browser.follow(browser.all("#result_list tbody th a")[1])
    browser.until(lambda: "pace.window" in browser.text(".field-difference_to_now"), "what stands now")
    browser.shoot("profile-version")
    browser.follow(browser.one(".field-restore a"))
    assert "window: 5" in (browser.one("#id_text").get_attribute("value") or "")
    press(browser, "_save")
    browser.until(lambda: "changed successfully" in browser.text(".messagelist"), "saved")
    browser.open(f"/admin/operators/profilechange/?profile_name={name}")
    assert "back to version 1" in browser.text("#result_list")
    assert browser.complaints() == []


@pytest.fixture
def seeblick() -> Iterator[str]:
    """The operator's id, and no profile of its own at the end."""
    from ghasi.operators.models import Profile

    yield SEEBLICK
    Profile.objects.filter(name=SEEBLICK).delete()


def followed_by_the_gateways(stack: Stack) -> str:
    """What the second operator's gateway says that it follows; empty for none."""
    from ghasi.operators.live import read_live

    live = read_live(BusSettings(urls=(stack.servers.nats_url,)))
    [found] = {one.profile for one in live.sessions if one.operator_id == SEEBLICK}
    return found


def test_an_operator_follows_a_profile_of_its_own_until_it_is_taken_away(
    browser: Browser, stack: Stack, seeblick: str
) -> None:
    from ghasi.operators.models import OperatorAction

    before = followed_by_the_gateways(stack)
    browser.open("/admin/operators/profile/add/")
    browser.one("#id_name").send_keys(seeblick)
    write(browser, "pace:\n  window: 7\n")
    press(browser, "_save")
    browser.until(lambda: seeblick in browser.text("#result_list"), "saved")
    browser.until(lambda: followed_by_the_gateways(stack) == "own", "the gateway follows it", 60)
    page = f"/admin/operators/profile/{seeblick}/change/"
    browser.open(page)
    assert "Seeblick" in browser.text(".field-followed_by")
    browser.follow(browser.one(".deletelink"))
    assert seeblick in browser.text("#content")
    browser.follow(browser.one("#content form [type=submit]"))
    browser.until(lambda: "deleted successfully" in browser.text(".messagelist"), "taken away")
    browser.until(lambda: followed_by_the_gateways(stack) == before, "the gateway follows it no more", 60)
    browser.open(page)
    assert "Perhaps it was deleted" in browser.text(".messagelist")
    browser.open(f"/admin/operators/profilechange/?profile_name={seeblick}")
    assert len(browser.all("#result_list tbody tr")) == 2, "its history stays"
    noted = OperatorAction.objects.filter(target_kind="profile", target=seeblick).order_by("id")
    assert list(noted.values_list("actor", "action")) == [(ADMIN, "profile.saved"), (ADMIN, "profile.deleted")]
    assert browser.complaints() == []
