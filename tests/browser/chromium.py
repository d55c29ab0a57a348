"""Debian's Chromium under Selenium, and what tests do with it."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
DESKTOP = (1280, 900)
PHONE = (390, 844)
WAIT_SECONDS = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
    "--lang=en",
)
GONE = "Node with given id does not belong to the document"
"""What the driver says of an element that the page replaced while it was looked at; it has no class of its own."""
T = TypeVar("T")


def start(profile: Path) -> Chrome:
    """A browser with nothing in its profile. Raises RuntimeError where Chromium or its driver is not installed."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        raise RuntimeError(
            "chromium and chromedriver are needed (on Debian: apt-get install chromium chromium-driver)"
        )
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    # What a page's scripts complain about is part of what a test looks at.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=ChromeService(chromedriver))


class Browser:
    """One window on the admin of a stack; `site` is its address without a path."""

    def __init__(self, driver: Chrome, site: str) -> None:
        self.driver = driver
        self.site = site

    def fresh(self) -> None:
        """Nobody logged in, a desktop's width, light colours."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.site, "storageTypes": "all"})
        self.look()
        self.driver.get_log("browser")

    def look(self, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
        """As a screen of that size in CSS pixels shows it."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, path: str) -> None:
        """`path` begins with a slash."""
        self.driver.get(self.site + path)

    def log_in(self, name: str, password: str) -> None:
        """Through the form, as a person does."""
        self.open("/admin/login/")
        self.one("#id_username").send_keys(name)
        self.one("#id_password").send_keys(password)
        self.follow(self.one("#login-form [type=submit]"))
        self.until(lambda: self.all("#user-tools"), "logged in")

    def follow(self, element: WebElement) -> None:
        """Clicks what leads to another page and waits for that page: a click returns before a slow server answered,
        and what is asked then is asked of the page that was left, or stops its form from being sent."""
        self.script("window.left = true")
        element.click()
        self.until(lambda: self.script("return !window.left && document.readyState === 'complete'"), "another page")

    def one(self, selector: str) -> WebElement:
        """The element of a CSS selector, waited for."""
        return self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, selector), selector)

    def all(self, selector: str) -> list[WebElement]:
        """What is there now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "body") -> str:
        """What a person reads there."""
        return self.one(selector).text

    def text_of(self, selector: str) -> str:
        """What stands there, shown or not."""
        return self.one(selector).get_attribute("textContent") or ""

    def until(self, true: Callable[[], T], what: str = "", seconds: float = WAIT_SECONDS) -> T:
        """The first true answer of `true`; a page that changes meanwhile is asked again."""
        ignored = (NoSuchElementException, StaleElementReferenceException)
        waiting = WebDriverWait(self.driver, seconds, poll_frequency=0.1, ignored_exceptions=ignored)

        def asked(_: Chrome) -> T | None:
            try:
                return true()
            except WebDriverException as error:
                if GONE not in (error.msg or ""):
                    raise
                return None

        return cast(T, waiting.until(asked, f"did not come true within {seconds} s: {what}"))

    def script(self, code: str, *args: Any) -> Any:
        """What `return …` in the page gives."""
        return self.driver.execute_script(code, *args)

    def complaints(self) -> list[str]:
        """Errors of scripts, styles and requests since the last look; Chromium asks for an icon by itself."""
        found = [one["message"] for one in self.driver.get_log("browser") if one["level"] == "SEVERE"]
        return [message for message in found if "/favicon.ico" not in message]

    def wider_than_screen(self) -> int:
        """Pixels by which the page itself must be scrolled sideways."""
        return int(self.script("return document.documentElement.scrollWidth - window.innerWidth"))

    def shoot(self, name: str) -> None:
        """With SCREENSHOTS=1 the whole page goes to docs/images, as a PNG of that name."""
        if os.environ.get("SCREENSHOTS") != "1":
            return
        size = self.script(
            "return [window.innerWidth, Math.max(document.documentElement.scrollHeight, window.innerHeight)]"
        )
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
        )
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
