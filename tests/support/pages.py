"""Walks over the pages of the admin as a browser does, and what it finds in them."""

from __future__ import annotations

import re
from collections import Counter, deque
from html.parser import HTMLParser
from typing import Any, Protocol
from urllib.parse import urldefrag, urljoin

from django.urls import Resolver404, resolve

START = "/admin/"
OF_A_KIND = 6
"""Pages of one view that a walk looks at: lists have more rows and filters than anybody reads."""


class Gets(Protocol):
    """Django's test client, or a browser in front of a process; its answers have `status_code` and `content`."""

    def get(self, path: str, /) -> Any: ...


class Page(HTMLParser):
    """`links` and what a strict content security policy refuses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.links: list[str] = []
        self.refused: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.refused.append(tag)
        self.refused += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        loaded = [given.get(name, "") for name in ("src", "action", "href") if not (tag == "a" and name == "href")]
        self.refused += [f"{tag} {one[:60]}" for one in loaded if re.match(r"javascript:|https?:|//", one)]


def walk(client: Gets, of_a_kind: int = OF_A_KIND) -> dict[str, Page]:
    """Every page that links lead to from the first one, some of each kind, the first links first."""
    todo, pages, kinds = deque([START]), dict[str, Page](), Counter[str]()
    while todo:
        path = todo.popleft()
        kind = _kind(path)
        if path in pages or kind is None or kinds[kind] >= of_a_kind:
            continue
        kinds[kind] += 1
        response = client.get(path)
        assert response.status_code in (200, 302, 405), (path, response.status_code)
        page = Page(response.content.decode() if response.status_code == 200 else "")
        pages[path] = page
        todo += [urldefrag(urljoin(path, link)).url for link in page.links]
    return pages


def _kind(path: str) -> str | None:
    """The name of the view; None for what is no page of the admin."""
    try:
        found = resolve(path.partition("?")[0])
    except Resolver404:
        return None
    inside = path.startswith(START) and found.url_name not in ("logout", "jsi18n", None)
    return found.view_name if inside else None
