"""The live part of the admin's first page."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ghasi.overview.page import context_of


def part(request: HttpRequest) -> HttpResponse:
    """HTML that the page's script puts in place; asked every two seconds. Raises PermissionDenied."""
    found = context_of(request)
    if not found:
        raise PermissionDenied
    return render(request, "overview/part.html", {"found": found})
