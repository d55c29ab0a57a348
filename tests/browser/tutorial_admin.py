"""What the lines of docs/tutorial.md's `admin` blocks mean in a browser, by what a person reads on the page."""

from __future__ import annotations

from collections.abc import Callable

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import Browser
from tests.browser.tutorial_text import Deed

SECONDS = 30.0
ADDRESS, PASSWORD = "the printed address", "the printed password"


class Admin:
    """Does deeds; `printed` is what `make up` said by the words of the tutorial."""

    def __init__(self, browser: Browser, printed: dict[str, str]) -> None:
        self.browser = browser
        self.printed = printed

    def do(self, deed: Deed) -> None:
        """Raises selenium's TimeoutException where the page is not as the deed says."""
        verbs: dict[str, Callable[[str, str | None], None]] = {
            "open": self._open,
            "click": self._click,
            "type": self._type,
            "tick": self._tick,
            "choose": self._choose,
            "see": self._see,
        }
        verbs[deed.verb](self.printed.get(deed.rest, deed.rest), deed.place)

    def _open(self, address: str, _: str | None) -> None:
        self.browser.driver.get(address)

    def _click(self, words: str, place: str | None) -> None:
        said = f"normalize-space()={quoted(words)}"
        xpath = f".//a[{said}] | .//button[{said}] | .//input[@type='submit' and @value={quoted(words)}]"
        self._on_one(xpath, place, WebElement.click)

    def _type(self, words: str, place: str | None) -> None:
        label = f"//label[starts-with(normalize-space(), {quoted(place or '')})]"
        self._on_one(f"//input[@id={label}/@for]", None, lambda field: filled(field, words))

    def _tick(self, words: str, _: str | None) -> None:
        self._on_one(".//input[@type='checkbox']", words, WebElement.click)

    def _choose(self, words: str, place: str | None) -> None:
        label = f"//label[starts-with(normalize-space(), {quoted(place or '')})]"
        self._on_one(f"{label}//option[normalize-space()={quoted(words)}]", None, WebElement.click)

    def _see(self, words: str, place: str | None) -> None:
        def seen() -> bool:
            return any(words in " ".join(one.text.split()) for one in self._places(place))

        self.browser.until(seen, f"see{f' in {place}' if place else ''}: {words}", SECONDS)

    def _on_one(self, xpath: str, place: str | None, act: Callable[[WebElement], None]) -> None:
        """On the first of them that is shown; a page that renews itself meanwhile is asked again."""

        def acted() -> bool:
            found = [one for where in self._places(place) for one in where.find_elements(By.XPATH, xpath)]
            shown = [one for one in found if one.is_displayed()]
            if shown:
                act(shown[0])
            return bool(shown)

        self.browser.until(acted, f"{xpath} in {place or 'the page'}", SECONDS)

    def _places(self, place: str | None) -> list[WebElement]:
        """The page; or sections with this heading, or else rows of tables with this cell."""
        find = self.browser.driver.find_elements
        if place is None:
            return find(By.TAG_NAME, "body")
        return find(By.XPATH, f"//section[.//h2[normalize-space()={quoted(place)}]]") or find(
            By.XPATH, f"//tr[*[normalize-space()={quoted(place)}]]"
        )


def filled(field: WebElement, words: str) -> None:
    """Instead of what stood there."""
    field.clear()
    field.send_keys(words)


def quoted(words: str) -> str:
    """As a literal of XPath, which has no escapes."""
    if '"' in words:
        raise ValueError("no double quotes in an admin block")
    return f'"{words}"'
