"""`manage.py provision`: makes the streams, buckets and consumers that are missing (docs/contract.md §1)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import nats.errors
from django.core.management.base import BaseCommand, CommandError, CommandParser
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusSettings, TopologyConflict, said
from ghasi.bus.replicas import raise_to, with_fewer
from ghasi.contracts.topology import BUCKETS, STREAMS, Consumer, dispatch_consumer, receipt_consumer
from ghasi.env import Env
from ghasi.management.exits import EXIT_AWAY, servers_needed

CONNECT_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Names: what was missing, what had fewer replicas than NATS_REPLICAS, what has fewer and is the platform's."""

    made: list[str]
    raised: list[str]
    left: list[str]


class Command(BaseCommand):
    help = (
        "Makes the streams and buckets that are missing, and the consumers of OPERATOR_IDS where it is set. What is "
        "there stays as it is, but that streams and buckets of ours with fewer replicas than NATS_REPLICAS get as "
        "many. For NATS servers on which gateway and workers may not make streams themselves. Safe to run twice and "
        "at once. Exit codes: 0 done, 2 wrong usage or settings, 3 NATS not reached or refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what is missing, and make nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *_: Any, **options: Any) -> None:
        env = Env()
        operators = env.uuids("OPERATOR_IDS", ())
        consumers = [make(one) for one in operators for make in (dispatch_consumer, receipt_consumer)]
        settings = BusSettings.from_env(env)
        try:
            with servers_needed():
                done = asyncio.run(provision(settings, consumers, dry_run=options["dry_run"]))
        except (TopologyConflict, JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
            raise CommandError(f"NATS: {said(error)}", returncode=EXIT_AWAY) from None
        if options["json"]:
            told = {"made": done.made, "moreReplicas": done.raised, "fewerReplicas": done.left}
            self.stdout.write(json.dumps({**told, "dryRun": options["dry_run"]}))
            return
        verb = "would make" if options["dry_run"] else "made"
        self.stdout.write(f"{verb} {', '.join(done.made)}" if done.made else "nothing is missing")
        if done.raised:
            verb = "would get" if options["dry_run"] else "got"
            self.stdout.write(f"{', '.join(done.raised)} {verb} {settings.replicas} replicas")
        if done.left:
            names = ", ".join(done.left)
            self.stdout.write(f"not made by us, left with fewer than {settings.replicas} replicas: {names}")


async def provision(settings: BusSettings, consumers: list[Consumer], *, dry_run: bool = False) -> Provisioned:
    """Raises BusError, TopologyConflict, and as nats-py does where JetStream refuses."""
    bus = await Bus.connect(settings, name="provision", wait=CONNECT_WAIT)
    try:
        missing = await _missing(bus, consumers)
        fewer = await with_fewer(bus.js, settings.replicas)
        if not dry_run:
            for info in fewer.ours:
                await raise_to(bus.js, settings.replicas, info)
            await bus.ensure()
            for one in consumers:
                await bus.ensure_consumer(one)
        return Provisioned(missing, [str(info.config.name) for info in fewer.ours], list(fewer.others))
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
