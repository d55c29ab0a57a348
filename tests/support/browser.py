"""A person of the staff in front of a web process that runs, for tests: cookies, forms, no redirects followed."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the pages of a walk are read from, as Django's test client names it."""

    status_code: int
    content: bytes


class _Stays(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


class Browser:
    """Of nobody until `log_in`. `base` is a URL without a path."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._jar = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._jar), _Stays)

    def get(self, path: str) -> Answer:
        return self._ask(path, None)

    def post(self, path: str, form: dict[str, str]) -> Answer:
        """With the token that an earlier page of a form has given."""
        token = next((one.value for one in self._jar if one.name == "csrftoken"), None)
        return self._ask(path, urlencode({"csrfmiddlewaretoken": token or "", **form}).encode())

    def log_in(self, name: str, password: str) -> None:
        """By the form. Raises AssertionError where the person is not let in."""
        page = "/admin/login/"
        self.get(page)
        answer = self.post(page, {"username": name, "password": password, "next": "/admin/"})
        assert answer.status_code == 302, (answer.status_code, answer.content[:500])

    def _ask(self, path: str, data: bytes | None) -> Answer:
        try:
            with self._opener.open(Request(self._base + path, data=data), timeout=TIMEOUT_S) as response:
                return Answer(response.status, response.read())
        except HTTPError as answer:
            with answer:
                return Answer(answer.code, answer.read())
