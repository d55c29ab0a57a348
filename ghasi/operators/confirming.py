"""What a person is asked before something is done that others will feel: whether, and why (docs/operations.md, "Audit
list")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

PAGE = "admin/operators/confirm.html"
CONFIRMED = "confirmed"


class ReasonForm(forms.Form):
    """Why: kept with what is done, and in the audit."""

    reason = forms.CharField(
        max_length=200,
        strip=True,
        label="Reason",
        help_text="Kept with what is done, for whoever looks at it next. No numbers of subscribers, no texts.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True, "autocomplete": "off"}),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """`things` are what it is done to, `yes` the word on the button, `back` where who says no is led; `kept` are the
    fields that the page sends again with the answer."""

    title: str
    effect: str
    things: tuple[str, ...]
    yes: str
    back: str
    kept: Iterable[tuple[str, str]] = ()


def answered(request: HttpRequest, question: Question, base: Mapping[str, Any]) -> str | HttpResponse:
    """The reason once it is given and confirmed; until then the page that asks for it, which is sent to the same
    address. `base` is what every page of the admin needs."""
    form = ReasonForm(request.POST if CONFIRMED in request.POST else None)
    if form.is_bound and form.is_valid():
        reason: str = form.cleaned_data["reason"]
        return reason
    context = {**base, "title": question.title, "question": question, "form": form}
    return render(request, PAGE, context, status=400 if form.errors else 200)
