"""ghasi.staff.failing: the page of an error that nobody caught."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import RequestFactory

from ghasi.staff.failing import server_error


def page_of(error: Exception) -> HttpResponse:
    try:
        raise error
    except type(error):
        return server_error(RequestFactory().get("/admin/"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationalError("connection to 10.0.0.9 failed"), "the database cannot be reached"),
        (LookupError("10.0.0.9"), "an error of the program"),
    ],
)
def test_it_tells_whether_it_was_the_database(error: Exception, words: str) -> None:
    page = page_of(error)
    html = page.content.decode()
    assert (page.status_code, page["Cache-Control"]) == (500, "no-store")
    assert f"<h1>This page cannot be shown: {words}</h1>" in html
    assert "10.0.0.9" not in html
    assert ("PostgreSQL away" in html) is isinstance(error, OperationalError)
