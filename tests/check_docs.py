"""Holds documents and code together: `python tests/check_docs.py`, part of `make check`.

- Links and images of the Markdown files lead to files and headings that exist, inside the repository.
- Every picture in docs/images is linked by one of them.
- What code and documents cite ("docs/contract.md §7", `docs/architecture.md, "TCP"`) exists.
- So do the sections that what `doctor` finds sends to (docs/operations.md, Operator unbound).
- Every metric of the code is in the documents, and no document names one that is not there.
- Every environment variable that the code reads is in docs/contract.md §12, and none stands there that nothing reads.
"""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT / "docs" / "contract.md"
OPERATIONS = ROOT / "docs" / "operations.md"
PACKAGES = ("ghasi", "workers", "sessions_gateway")
CITING = (
    "*.md",
    "docs/**/*.md",
    "benchmarks/**/*",
    "docker/**/*",
    "tests/**/*",
    "Makefile",
    "manage.py",
    *(f"{p}/**/*" for p in PACKAGES),
)
TEXT_FILES = {".py", ".lua", ".sh", ".conf", ".in", ".yaml", ".yml", ".md", ""}

_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ELSEWHERE = ("http://", "https://", "mailto:")

_CITED_FILE = re.compile(r"(?<![\w/])docs/[\w./-]+\.(?:md|png)\b")
_CITED_SECTIONS = re.compile(r"docs/contract\.md((?:\s|#|,|;|\(|and|to|§\s?\d+)+)")
_CITED_HEADING = re.compile(r"(docs/[\w./-]+\.md),?\s+\(?(?:#\s+)?\"([^\"\n]+)\"")
_CITED_BY_CURE = re.compile(r"(docs/[\w./-]+\.md), ([A-Z][^.,;:()]*)")
_METRIC = re.compile(r"\bsmpp_connector_[a-z_]+")
_SERIES = re.compile(r"_(bucket|count|sum)$")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_READER = re.compile(r"\.(text|printable|integer|number|flag|choice|uuids|url|path)$")
_IN_TICKS = re.compile(r"`([A-Z][A-Z0-9_]+)`")


def documents() -> list[Path]:
    """The project's Markdown files."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")]
    return sorted(found)


def modules() -> list[Path]:
    """The product's Python files."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def read(path: Path) -> str:
    """A text file's content."""
    return path.read_text(encoding="utf-8")


# --- links


def headings(text: str) -> list[str]:
    """Headings of a document, their links replaced by their words."""
    return [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found) for found in _HEADING.findall(_CODE.sub("", text))]


def anchors(text: str) -> set[str]:
    """Anchors of a document's headings, made as GitHub makes them."""
    names: set[str] = set()
    for heading in headings(text):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        number, unique = 0, name
        while unique in names:
            number += 1
            unique = f"{name}-{number}"
        names.add(unique)
    return names


def broken_links(document: Path) -> Iterator[str]:
    """What is wrong with the links of one document."""
    prose = _SPAN.sub("", _CODE.sub("", read(document)))
    for link in _LINK.findall(prose):
        if link.startswith(_ELSEWHERE):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.is_relative_to(ROOT):
            yield f"{link}: points outside the repository"
        elif not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(read(target)):
            yield f"{link}: no such heading"


def unlinked_images() -> Iterator[str]:
    """Pictures that no document shows: nobody finds them, and nobody sees when they are out of date."""
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in documents()
        for link in _LINK.findall(_SPAN.sub("", _CODE.sub("", read(document))))
        if not link.startswith(_ELSEWHERE)
    }
    for image in sorted((ROOT / "docs" / "images").glob("*")):
        if image.resolve() not in linked:
            yield f"{image.relative_to(ROOT)}: no document links it"


# --- citations


def citing_files() -> list[Path]:
    """Files whose citations are checked; this one only holds patterns."""
    found = {path for pattern in CITING for path in ROOT.glob(pattern) if path.name != "test_check_docs.py"}
    kept = (
        path for path in found if path.is_file() and path.suffix in TEXT_FILES and "node_modules" not in path.parts
    )
    return sorted(path for path in kept if path != Path(__file__).resolve())


def broken_citations(path: Path) -> Iterator[str]:
    """Documents, sections and headings that a file names and that are not there."""
    text = read(path)
    for cited in sorted(set(_CITED_FILE.findall(text))):
        if not (ROOT / cited).exists():
            yield f"{cited}: no such file"
    sections = set(re.findall(r"^## (\d+)\.", read(CONTRACT), re.MULTILINE))
    cited_sections = {one for run in _CITED_SECTIONS.findall(text) for one in re.findall(r"\d+", run)}
    for number in sorted(cited_sections - sections, key=int):
        yield f"docs/contract.md §{number}: no such section"
    for document, heading in _CITED_HEADING.findall(text):
        target = ROOT / document
        if target.exists() and heading not in headings(read(target)):
            yield f'{document}, "{heading}": no such heading'


# --- cures


def cures() -> dict[str, str]:
    """What helps, by the finding's name, as `doctor` tells it."""
    from ghasi.doctor.findings import RULES

    return {name: rule.cure for name, rule in RULES.items()}


def lost_cures(told: dict[str, str]) -> Iterator[str]:
    """Cures whose document or section is not there. They go without quotation marks, which terminals would show."""
    for name, cure in told.items():
        for document, section in _CITED_BY_CURE.findall(cure):
            target = ROOT / document
            if not target.exists():
                yield f"finding {name}: {document}: no such file"
            elif section not in headings(read(target)):
                yield f"finding {name}: {document}, {section}: no such heading"


# --- metrics


def metrics_of_code() -> set[str]:
    """Names as Prometheus sees them, from the registries that importing the product fills."""
    from prometheus_client import REGISTRY, CollectorRegistry

    registries: list[CollectorRegistry] = [REGISTRY]
    for path in modules():
        if not re.search(r"^from prometheus_client import .*\b(Counter|Gauge|Histogram|Summary)\b", read(path), re.M):
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if hasattr(module, "Metrics"):
            registries.append(module.Metrics().registry)
    families = [family for registry in registries for family in registry.collect()]
    names = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    return {name for name in names if name.startswith("smpp_connector_")}


def metric_problems() -> Iterator[str]:
    """Metrics without a word in the documents, and words without a metric."""
    in_code = metrics_of_code()
    if not in_code:
        yield "metrics: none found in the code"
    explained = set(_METRIC.findall(read(CONTRACT))) | set(_METRIC.findall(read(OPERATIONS)))
    for name in sorted(in_code - explained):
        yield f"metric {name}: neither in docs/contract.md nor in docs/operations.md"
    for document in documents():
        for name in sorted({_SERIES.sub("", found) for found in _METRIC.findall(read(document))} - in_code):
            yield f"metric {name}: in {document.relative_to(ROOT)}, but not in the code"


# --- environment


def variables_of_code() -> dict[str, Path]:
    """Every variable that is read: names given to readers of ghasi.env, and lookups in os.environ."""
    found: dict[str, Path] = {}
    for path in modules():
        by_env = "ghasi.env" in read(path)
        product = "devstack" not in path.parts
        for node in ast.walk(ast.parse(read(path))):
            for name in _names_read(node, by_env=by_env, by_environ=product):
                found.setdefault(name, path)
    return found


def _names_read(node: ast.AST, *, by_env: bool, by_environ: bool) -> Iterator[str]:
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        given = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if by_environ and called in ("os.environ.get", "os.getenv"):
            yield from given[:1]
        elif by_env and (_READER.search(called) or any(ast.unparse(arg) == "env" for arg in node.args)):
            yield from (one for one in given if _VARIABLE.fullmatch(one))
    elif by_env and isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        # A name kept as a constant and given to a reader elsewhere.
        yield from (one for one in [str(node.value.value)] if _VARIABLE.fullmatch(one))
    elif by_environ and isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        read_here = ast.unparse(node.value) == "os.environ" and isinstance(node.ctx, ast.Load)
        yield from [str(node.slice.value)] if read_here else []


def variable_problems() -> Iterator[str]:
    """Variables that §12 does not explain, and explanations of what nothing reads."""
    section = re.split(r"^## \d+\. ", read(CONTRACT), flags=re.MULTILINE)[12]
    explained = set(_IN_TICKS.findall(section))
    in_code = variables_of_code()
    for name in sorted(in_code):
        if name not in explained and name.removesuffix("_FILE") not in explained:
            yield f"variable {name} (read in {in_code[name].relative_to(ROOT)}): not in docs/contract.md §12"
    code = "\n".join(read(path) for path in modules())
    for name in sorted(explained):
        if f'"{name}"' not in code:
            yield f"variable {name}: in docs/contract.md §12, but nothing reads it"


# --- all of it


def problems() -> Iterator[str]:
    """Everything that is wrong, one line each."""
    for document in documents():
        yield from (f"{document.relative_to(ROOT)}: {problem}" for problem in broken_links(document))
    yield from unlinked_images()
    for path in citing_files():
        yield from (f"{path.relative_to(ROOT)}: {problem}" for problem in broken_citations(path))
    yield from lost_cures(cures())
    yield from metric_problems()
    yield from variable_problems()


def main() -> int:
    """Print every problem; 1 where there is one."""
    sys.path.insert(0, str(ROOT))
    found = list(dict.fromkeys(problems()))
    print("\n".join(found) if found else f"{len(documents())} documents agree with each other and with the code")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
