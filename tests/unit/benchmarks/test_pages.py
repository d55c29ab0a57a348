"""The benchmark of the staff's pages leaves none out, and its ledger has the shape it says."""

from __future__ import annotations

from collections import Counter

import django
from django.contrib import admin
from django.urls import reverse

from benchmarks import pages_asked, shape, tables


def test_every_list_of_the_admin_is_asked() -> None:
    django.setup()
    lists = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    }
    named = {value for name, value in vars(pages_asked).items() if name.isupper() and isinstance(value, str)}
    assert lists - named == set(), "a list of the admin that is not measured"


def test_rows_are_spread_evenly() -> None:
    found = Counter(shape.place_of(row) for row in range(1, 50_001))
    assert set(found) == set(range(shape.OPERATORS))
    assert max(found.values()) < 1.2 * min(found.values())
    assert len({shape.operator_id(number) for number in range(shape.OPERATORS)}) == shape.OPERATORS


def test_odd_rows_and_those_of_the_busy_number_are_not_plain() -> None:
    plain = sum(shape.is_plain(row) for row in range(1, 10_001))
    assert plain == 9_000 - 10_000 // shape.BUSY_EVERY


def test_a_page_that_an_earlier_ledger_had_not_is_a_dash() -> None:
    one = {"a": {"title": "the one", "p50": 12.0, "most": 20.0}}
    two = {**one, "b": {"title": "the other", "p50": 3.0, "most": 4.0}}
    shown = tables.pages({"results": {"10000": two, "2000": one}})
    assert "| ms, median (most) | 2,000 rows | 10,000 rows |" in shown
    assert "| the one | 12.0 (20.0) | 12.0 (20.0) |" in shown
    assert shown.endswith("\n| the other | – | 3.00 (4.00) |"), "the slowest first"
