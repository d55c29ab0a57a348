"""docker/requirements.lock is what docker/requirements.in names, with hashes, and nothing else."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s\\]+)", re.MULTILINE)


def pins(*path: str) -> dict[str, str]:
    return dict(PIN.findall(ROOT.joinpath(*path).read_text(encoding="utf-8")))


def test_the_image_has_the_pins_of_the_product() -> None:
    expected = pins("requirements.txt") | pins("requirements-otel.txt") | pins("docker", "requirements.in")
    assert pins("docker", "requirements.lock") == expected, "run: make image-lock"


def test_every_package_has_a_hash() -> None:
    lock = ROOT.joinpath("docker", "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", lock)[1:]
    assert len(entries) == len(pins("docker", "requirements.lock"))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry.splitlines()[0]
