"""Streams, consumers and buckets against docs/contract.md §1, and whether the servers behind them are well."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, StreamInfo

from ghasi.contracts import subjects, timers, topology
from ghasi.doctor.findings import Finding, Findings
from ghasi.doctor.nats_facts import NatsFacts

FULL = 0.8
OLDEST = (2, 12)
SMALLEST_PAYLOAD = 2 * timers.MAX_COMMAND_OCTETS


def server(facts: NatsFacts) -> Findings:
    """What every client is told at its connection."""
    if not facts.jetstream:
        yield Finding("nats.no_jetstream", "NATS", "the server offers none to this connection")
    version = tuple(int(part) for part in facts.version.split("-")[0].split(".")[:2] if part.isdigit())
    if version < OLDEST:
        yield Finding("nats.version", "NATS", facts.version or "not told")
    if facts.max_payload < SMALLEST_PAYLOAD:
        yield Finding("nats.max_payload", "NATS", f"{facts.max_payload} octets")


def streams(facts: NatsFacts) -> Findings:
    for stream in topology.STREAMS:
        info = facts.streams.get(stream.name)
        if info is None:
            yield Finding("nats.stream_missing", stream.name, "there is no such stream")
            continue
        if what := _conflict(stream, info.config):
            yield Finding("nats.stream_conflict", stream.name, what)
        if drift := list(_drift(stream, info.config)):
            yield Finding("nats.stream_drift", stream.name, "; ".join(drift))
        bound, held = info.config.max_bytes or -1, info.state.bytes
        if bound > 0 and held > FULL * bound:
            yield Finding("nats.stream_full", stream.name, f"{held / bound:.0%} of {bound} octets")
        yield from _health(stream.name, info, clustered=facts.clustered)


def _conflict(stream: topology.Stream, config: StreamConfig) -> str:
    held = config.subjects or []
    missing = [want for want in stream.subjects if want not in held and not any(_covers(one, want) for one in held)]
    if missing:
        return f"its subjects do not hold {', '.join(missing)}"
    if stream.purged and config.retention == RetentionPolicy.INTEREST:
        return "retention interest drops what has no consumer"
    return ""


def _covers(pattern: str, subject: str) -> bool:
    have, want = pattern.split("."), subject.split(".")
    for index, part in enumerate(have):
        if part == ">":
            return len(want) > index
        if index >= len(want) or part not in ("*", want[index]):
            return False
    return len(have) == len(want)


def _drift(stream: topology.Stream, config: StreamConfig) -> Iterable[str]:
    """In words, setting by setting; what does no harm is left out."""
    if config.retention == RetentionPolicy.WORK_QUEUE:
        yield "a work queue: slower, and the accounting is off"
    if config.storage != StorageType.FILE:
        yield "kept in memory, lost with the server"
    if stream.refuses and config.discard != DiscardPolicy.NEW:
        yield "discard old: forgets its oldest when it is full"
    age = config.max_age or 0.0
    if age and (not stream.max_age or age < stream.max_age):
        yield (
            f"max_age {age:g} s, {stream.max_age:g} s expected"
            if stream.max_age
            else f"max_age {age:g} s, none expected"
        )
    if (config.duplicate_window or 0.0) < stream.duplicate_window:
        yield f"duplicate_window {config.duplicate_window or 0:g} s, {stream.duplicate_window:g} s expected"
    if stream.allow_atomic and not config.allow_atomic:
        yield "no allow_atomic: single publishes, slower"
    if not config.allow_direct:
        yield "no allow_direct"
    for name in ("max_msgs", "max_msgs_per_subject"):
        if (limit := getattr(config, name) or -1) > 0:
            yield f"{name} {limit}, none expected"


def _health(name: str, info: StreamInfo, *, clustered: bool) -> Findings:
    if not clustered:
        return
    if (info.config.num_replicas or 1) < 3:
        yield Finding("nats.replicas", name, f"{info.config.num_replicas or 1} in a cluster")
    cluster = info.cluster
    if cluster is None or not cluster.leader:
        yield Finding("nats.stream_unhealthy", name, "it has no leader")
        return
    for peer in cluster.replicas or []:
        if peer.offline or not peer.current:
            yield Finding("nats.stream_unhealthy", name, f"{peer.name} is {'offline' if peer.offline else 'behind'}")


def consumers(facts: NatsFacts, operator_ids: Iterable[str]) -> Findings:
    for operator_id in sorted(operator_ids):
        for wanted in (topology.dispatch_consumer(operator_id), topology.receipt_consumer(operator_id)):
            if wanted.stream not in facts.streams:
                continue
            info = facts.consumers.get(wanted.stream, {}).get(wanted.durable)
            if info is None:
                yield Finding("nats.consumer_missing", wanted.durable, f"none on {wanted.stream}")
            elif drift := list(_consumer_drift(wanted, info.config)):
                yield Finding("nats.consumer_drift", wanted.durable, "; ".join(drift))


def _consumer_drift(wanted: topology.Consumer, config: ConsumerConfig | None) -> Iterable[str]:
    if config is None:
        return
    if config.filter_subject != wanted.filter_subject:
        yield f"filter {config.filter_subject or 'none'}"
    if config.max_deliver not in (None, -1):
        yield f"max_deliver {config.max_deliver} ends messages silently"
    if config.ack_wait != wanted.ack_wait:
        yield f"ack_wait {config.ack_wait or 0:g} s, {wanted.ack_wait:g} s expected"
    if config.max_ack_pending != wanted.max_ack_pending:
        yield f"max_ack_pending {config.max_ack_pending}, {wanted.max_ack_pending} expected"
    if config.deliver_subject:
        yield "a push consumer"


def unassigned(facts: NatsFacts) -> Findings:
    """Commands that wait for an operator nobody is assigned to."""
    served = {one for worker in facts.workers if worker.pool == "dispatch" for one in worker.operator_ids}
    for subject, count in sorted(facts.waiting.items()):
        operator_id = subjects.dispatch_operator(subject)
        durable = facts.consumers.get(subjects.SMS_DISPATCH, {}).get(subjects.dispatch_durable(operator_id))
        open_ones = count if durable is None else (durable.num_pending or 0) + (durable.num_ack_pending or 0)
        if operator_id not in served and open_ones:
            who = operator_id if _is_uuid(operator_id) else "a subject that names no operator"
            yield Finding("nats.unassigned", who, f"{open_ones} commands wait, and no dispatch process has it")


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def buckets(facts: NatsFacts) -> Findings:
    for bucket in topology.BUCKETS:
        info = facts.buckets.get(bucket.name)
        if info is None:
            yield Finding("nats.bucket_missing", bucket.name, "there is no such bucket")
            continue
        config, drift = info.config, []
        if (config.max_age or 0.0) != bucket.ttl:
            drift.append(f"keys live {config.max_age or 0:g} s, {bucket.ttl:g} s expected (0: for good)")
        if config.storage != StorageType.FILE and not bucket.memory:
            drift.append("kept in memory, lost with the server")
        if drift:
            yield Finding("nats.bucket_drift", bucket.name, "; ".join(drift))
        yield from _health(bucket.name, info, clustered=facts.clustered)
