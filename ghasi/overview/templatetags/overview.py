"""`{% overview_context as found %}`: what the first page shows."""

from __future__ import annotations

from typing import Any

from django import template

from ghasi.overview.page import context_of

register = template.Library()


@register.simple_tag(takes_context=True)
def overview_context(context: dict[str, Any]) -> dict[str, Any]:
    """For the person who asks."""
    return context_of(context["request"])
