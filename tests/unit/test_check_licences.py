"""The check of licences refuses what is not on its list, and reads metadata as packages write it."""

from __future__ import annotations

from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests import check_licences
from tests.check_licences import PERMISSIVE, allowed, licence_of


class Package:
    """As importlib.metadata gives one."""

    def __init__(self, **fields: Any) -> None:
        self.metadata = Message()
        for name, values in fields.items():
            for value in values if isinstance(values, list) else [values]:
                self.metadata[name.replace("_", "-")] = value


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND Apache-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("Proprietary", False),
    ],
)
def test_an_expression_is_satisfied_or_not(expression: str, fits: bool) -> None:
    assert allowed(expression, PERMISSIVE) is fits


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"Classifier": ["Topic :: X", "License :: OSI Approved :: MIT License"]}, "MIT"),
        (
            {
                "Classifier": [
                    "License :: OSI Approved :: MIT License",
                    "License :: OSI Approved :: Apache Software License",
                ]
            },
            "Apache-2.0 OR MIT",
        ),
        ({"License": "Apache License 2.0"}, "Apache-2.0"),
        ({"License": "Some Licence of Their Own"}, "Some Licence of Their Own"),
        ({"License": "x" * 4000}, ""),
        ({}, ""),
    ],
)
def test_metadata_is_read_as_packages_write_it(fields: dict[str, Any], licence: str) -> None:
    package: Any = Package(**fields)
    assert licence_of(package) == licence


def test_what_is_pinned_and_not_installed_or_not_allowed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_licences, "ROOT", tmp_path)
    monkeypatch.setattr(check_licences, "NAMED", {"pytest": "GPL-3.0-only", "ruff": "MIT"})
    (tmp_path / "requirements.txt").write_text("no-such-package==1.0\n    # via x\npytest==9\n")
    (tmp_path / "requirements-otel.txt").write_text("")
    (tmp_path / "requirements-dev.txt").write_text("ruff==1\n")
    assert list(check_licences.problems()) == [
        "no-such-package: pinned, but not installed",
        "pytest (shipped): GPL-3.0-only is not on the list",
    ]
