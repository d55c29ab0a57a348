"""What tests/browser/test_tutorial.py takes for a difference between the tutorial and the product."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.tutorial_text import Command, Deed, Picture, said_in_order, steps

DOCUMENT = """
Prose with `code`.

```sh
one --flag
# says …
# exit code 1
two
```

```admin
see in Nordwind: wanted: bound
```

![A picture](images/tutorial-x.png)
"""


def parsed(folder: Path, text: str) -> list[object]:
    document = folder / "t.md"
    document.write_text(text, encoding="utf-8")
    return list(steps(document))


def test_a_document_is_its_steps_in_order(tmp_path: Path) -> None:
    assert parsed(tmp_path, DOCUMENT) == [
        Command(5, "one --flag", ["says …"], 1),
        Command(8, "two"),
        Deed(12, "see", "Nordwind", "wanted: bound"),
        Picture(15, "tutorial-x"),
    ]


@pytest.mark.parametrize(
    "block", ["```admin\npress: it\n```", "```sh\n# says nothing did\n```", "```\nanything\n```"]
)
def test_what_nobody_can_do_is_refused(tmp_path: Path, block: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        parsed(tmp_path, block)


SAID = "0.0 s sent as 1\n1.1 s submitted as ab\n1.7 s   delivered\n"


@pytest.mark.parametrize(
    ("expected", "missing"),
    [
        (["0.0 s sent as 1", "… s delivered"], None),
        (["… s delivered", "0.0 s sent as 1"], "0.0 s sent as 1"),
        (["… s deliver"], "… s deliver"),
        (["… s delivered", "… s delivered"], "… s delivered"),
        ([], None),
    ],
)
def test_lines_are_whole_and_in_order(expected: list[str], missing: str | None) -> None:
    assert said_in_order(SAID, expected) == missing
