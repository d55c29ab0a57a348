"""The check of the documents' links finds what is broken."""

from pathlib import Path

import pytest

from tests import check_docs


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text("# One & two\n\n## Again\n\n## Again\n")
    return tmp_path


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("docs/other.md", None),
        ("docs/other.md#one--two", None),
        ("docs/other.md#again-1", None),
        ("https://example.org/x", None),
        ("#top", None),
        ("docs/none.md", "no such file"),
        ("docs/other.md#three", "no such heading"),
        ("../outside.md", "points outside the repository"),
    ],
)
def test_each_kind_of_link(root: Path, link: str, problem: str | None) -> None:
    document = root / "README.md"
    document.write_text(f"# Top\n\nSee [it]({link}).\n\n```\n[not](a-link.md)\n```\n\n`[nor](this.md)`\n")
    found = list(check_docs.broken_links(document))
    assert found == ([] if problem is None else [f"{link}: {problem}"])


def test_a_picture_that_nothing_links_is_found(root: Path) -> None:
    images = root / "docs" / "images"
    images.mkdir()
    for name in ("shown", "lost", "in-code"):
        (images / f"{name}.png").touch()
    (root / "docs" / "other.md").write_text("![A page](images/shown.png)\n\n`![No](images/in-code.png)`\n")
    check_docs.read.cache_clear()
    assert list(check_docs.unlinked_images()) == [
        "docs/images/in-code.png: no document links it",
        "docs/images/lost.png: no document links it",
    ]


def test_a_cure_that_sends_to_a_section_that_is_not_there_is_found(root: Path) -> None:
    check_docs.read.cache_clear()
    told = {
        "here": "See the reason, else docs/other.md, Again.",
        "gone": "`bind`, else docs/other.md, Session unbound; or wait.",
        "nowhere": "docs/none.md, Again.",
        "whole": "Look into docs/other.md: all of it, Again and again.",
    }
    assert list(check_docs.lost_cures(told)) == [
        "finding gone: docs/other.md, Session unbound: no such heading",
        "finding nowhere: docs/none.md: no such file",
    ]
    assert any(check_docs._CITED_BY_CURE.search(cure) for cure in check_docs.cures().values())
