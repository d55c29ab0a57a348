"""The page of an error that nobody caught: it asks neither the database nor the session, which may be what failed."""

from __future__ import annotations

import sys

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from ghasi.database.trouble import said


def server_error(_request: HttpRequest) -> HttpResponse:
    """Called while the error is being handled, so that it can be told whether it was the database's."""
    error = sys.exc_info()[1]
    why = said(error) if isinstance(error, Error) else ""
    response = HttpResponse(render_to_string("500.html", {"why": why}), status=500)
    response.headers["Cache-Control"] = "no-store"
    return response
