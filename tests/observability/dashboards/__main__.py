"""Writes the Grafana dashboards: `python -m tests.observability.dashboards`, with `--check` only compares."""

from __future__ import annotations

import sys

from tests.observability.dashboards.files import main

sys.exit(main(sys.argv[1:]))
