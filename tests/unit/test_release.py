"""The release that processes tell is the package's."""

import tomllib

from ghasi.release import VERSION
from tests.support.product import ROOT


def test_it_is_the_package_s() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == VERSION
