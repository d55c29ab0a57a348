"""`manage.py provision`: makes the streams, buckets and consumers that are missing (docs/contract.md §1)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats.errors
from django.core.management.base import BaseCommand, CommandError, CommandParser
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusSettings, TopologyConflict
from ghasi.contracts.topology import BUCKETS, STREAMS, Consumer, dispatch_consumer, receipt_consumer
from ghasi.env import Env
from ghasi.management.exits import EXIT_AWAY, servers_needed

CONNECT_WAIT = 10.0


class Command(BaseCommand):
    help = (
        "Makes the streams and buckets that are missing, and the consumers of OPERATOR_IDS where it is set. What is "
        "there stays as it is. For NATS servers on which gateway and workers may not make streams themselves. Safe "
        "to run twice and at once. Exit codes: 0 done, 2 wrong usage or settings, 3 NATS not reached or refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what is missing, and make nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *_: Any, **options: Any) -> None:
        env = Env()
        operators = env.uuids("OPERATOR_IDS", ())
        consumers = [make(one) for one in operators for make in (dispatch_consumer, receipt_consumer)]
        try:
            with servers_needed():
                made = asyncio.run(provision(BusSettings.from_env(env), consumers, dry_run=options["dry_run"]))
        except TopologyConflict as error:
            raise CommandError(str(error), returncode=EXIT_AWAY) from None
        except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
            raise CommandError(f"NATS: {type(error).__name__}", returncode=EXIT_AWAY) from None
        if options["json"]:
            self.stdout.write(json.dumps({"made": made, "dryRun": options["dry_run"]}))
            return
        verb = "would make" if options["dry_run"] else "made"
        self.stdout.write(f"{verb} {', '.join(made)}" if made else "nothing is missing")


async def provision(settings: BusSettings, consumers: list[Consumer], *, dry_run: bool = False) -> list[str]:
    """Names of what was missing, streams first. Raises BusError, TopologyConflict, and as nats-py does where
    JetStream refuses."""
    bus = await Bus.connect(settings, name="provision", wait=CONNECT_WAIT)
    try:
        missing = await _missing(bus, consumers)
        if not dry_run:
            await bus.ensure()
            for one in consumers:
                await bus.ensure_consumer(one)
        return missing
    finally:
        await bus.close()


async def _missing(bus: Bus, consumers: list[Consumer]) -> list[str]:
    streams = [stream.name for stream in STREAMS] + [f"KV_{bucket.name}" for bucket in BUCKETS]
    missing = [name for name in streams if not await _is_there(bus.js.stream_info(name))]
    missing += [
        one.durable for one in consumers if not await _is_there(bus.js.consumer_info(one.stream, one.durable))
    ]
    return missing


async def _is_there(asked: Any) -> bool:
    try:
        await asked
    except NotFoundError:
        return False
    return True
