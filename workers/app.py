"""What `dramatiq workers.app --queues dispatch` (or `receipts`) loads: settings, Django, the broker."""

from __future__ import annotations

import os

from ghasi.collector import spare_the_collector
from ghasi.env import exit_on_bad_settings
from ghasi.hardening import harden
from ghasi.logs import setup_logging
from ghasi.telemetry import TRACES
from workers import metrics_dir

with exit_on_bad_settings():
    harden()
    # Before anything imports prometheus_client, which settles at its import where values live.
    metrics_dir.prepare()

    from workers.config import WorkerConfig

    config = WorkerConfig.from_env()
    TRACES.start("smpp-workers")

setup_logging("smpp-connector-workers", config.log_level)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghasi.settings")

import django  # noqa: E402
import dramatiq  # noqa: E402

with exit_on_bad_settings():
    django.setup()

from workers import actors  # noqa: E402
from workers.broker.broker import JetStreamBroker  # noqa: E402
from workers.middleware.metrics_server import MetricsServer  # noqa: E402
from workers.pools import DispatchPool, ReceiptsPool  # noqa: E402

broker = JetStreamBroker(
    {
        "dispatch": lambda works: DispatchPool(works, config),
        "receipts": lambda works: ReceiptsPool(works, config),
    },
    config.shutdown_deadline,
)
broker.add_middleware(MetricsServer())
dramatiq.set_broker(broker)
actors.declare(broker)
spare_the_collector()
