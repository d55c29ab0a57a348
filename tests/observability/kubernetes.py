"""The alert rules as a PrometheusRule: `python -m tests.observability.kubernetes`, with `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.observability.rules import ROOT, rule_files

TARGET = ROOT / "docker" / "kubernetes" / "components" / "prometheus" / "rules.yaml"
_HEAD = """\
# Made of docker/observability/alerts by `python -m tests.observability.kubernetes`: not edited by hand.
"""


def made() -> str:
    """The file's text: every group of every file, in their order."""
    groups: list[dict[str, Any]] = []
    for path in rule_files():
        groups += yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    name = "smpp-connector"
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": {"groups": groups},
    }
    return _HEAD + yaml.safe_dump(rule, sort_keys=False, width=118, allow_unicode=True)


def main(arguments: list[str], target: Path = TARGET) -> int:
    """Writes it, or with `--check` says whether it is in step; 1 where it is not."""
    if arguments != ["--check"]:
        target.write_text(made(), encoding="utf-8")
        return 0
    if target.exists() and target.read_text(encoding="utf-8") == made():
        return 0
    print(f"{target.name} is not what docker/observability/alerts says: python -m tests.observability.kubernetes")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
