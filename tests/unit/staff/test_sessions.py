"""How long a session lasts."""

from typing import Any

import pytest
from django.test import RequestFactory

from ghasi.staff.sessions import Limits, is_act, why_over

WITHIN = Limits(idle=600, whole=3600)
FACTS = {"began": 1000.0, "seen": 1500.0, "generation": 2}


@pytest.mark.parametrize(
    ("facts", "now", "why"),
    [
        (FACTS, 1500.0, ""),
        (FACTS, 2100.0, ""),
        (FACTS, 2100.1, "idle"),
        ({**FACTS, "seen": 4600.0}, 4600.0, ""),
        ({**FACTS, "seen": 4600.0}, 4600.1, "limit"),
        ({**FACTS, "generation": 1}, 1500.0, "ended everywhere"),
        (None, 1500.0, "unknown"),
        ({"began": 1000.0}, 1500.0, "unknown"),
    ],
)
def test_why_a_session_is_over(facts: Any, now: float, why: str) -> None:
    assert why_over(facts, now, WITHIN, generation=2) == why


@pytest.mark.parametrize(
    ("method", "headers", "act"),
    [
        ("GET", {}, True),
        ("GET", {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1"}, True),
        ("GET", {"Sec-Fetch-Mode": "navigate"}, False),
        ("GET", {"Sec-Fetch-Mode": "cors"}, False),
        ("GET", {"Sec-Fetch-Mode": "same-origin"}, False),
        ("POST", {"Sec-Fetch-Mode": "cors"}, True),
    ],
)
def test_what_a_page_asks_by_itself_is_no_act(method: str, headers: dict[str, str], act: bool) -> None:
    assert is_act(RequestFactory().generic(method, "/admin/", headers=headers)) is act
