"""The rules of a cluster are those of docker/observability/alerts."""

from pathlib import Path

import pytest
import yaml

from tests.observability.kubernetes import TARGET, main
from tests.observability.rules import alerts


def test_the_file_is_in_step() -> None:
    assert main(["--check"]) == 0


def test_every_alert_is_in_it_as_it_is() -> None:
    groups = yaml.safe_load(TARGET.read_text())["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [(one["alert"], one["expr"], one["annotations"]) for one in rules] == [
        (one.name, one.expression, one.annotations) for one in alerts()
    ]


def test_a_change_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "rules.yaml"
    assert main(["--check"], target) == 1
    assert main([], target) == 0
    assert main(["--check"], target) == 0
    target.write_text(target.read_text().replace("severity: critical", "severity: warning", 1))
    assert main(["--check"], target) == 1
    assert "rules.yaml is not what" in capsys.readouterr().out
