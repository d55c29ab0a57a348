"""Makes streams, consumers and buckets as `ghasi.contracts.topology` says (docs/contract.md §1).

What exists is used as it is, because the platform may own it: a difference is logged, a conflict raised.
"""

from __future__ import annotations

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, BadRequestError, NotFoundError
from nats.js.kv import KeyValue

from ghasi.bus.errors import BusError, TopologyConflict, said
from ghasi.contracts.topology import Bucket, Consumer, Stream
from ghasi.logs import get_logger

log = get_logger()
_OF_OURS = ("subjects", "retention", "storage", "max_age", "duplicate_window", "allow_atomic", "allow_direct")
"""What a stream of ours is known by."""
NO_CLUSTER = 10074
"""More than one replica was asked of a server that is no cluster: JetStream's code of that error."""
NO_PEERS = 10005
"""Fewer servers than replicas, which a cluster that is just starting says as well."""


def _stream_config(stream: Stream, max_bytes: int, replicas: int = 1) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW if stream.refuses else DiscardPolicy.OLD,
        max_bytes=max_bytes or -1,
        max_age=stream.max_age,
        num_replicas=replicas,
        duplicate_window=stream.duplicate_window,
        allow_atomic=stream.allow_atomic,
        allow_direct=True,
    )


async def ensure_stream(js: JetStreamContext, stream: Stream, max_bytes: int = 0, replicas: int = 1) -> StreamInfo:
    """The stream as it stands, created where missing, in octets and copies. Raises TopologyConflict where it cannot
    serve or be made, BusError where it could be later."""
    try:
        info = await js.stream_info(stream.name)
    except NotFoundError:
        try:
            info = await js.add_stream(_stream_config(stream, max_bytes, replicas))
        except APIError as error:
            # Another process was faster, or another stream owns the subject.
            try:
                info = await js.stream_info(stream.name)
            except NotFoundError:
                raise refused(f"stream {stream.name}", replicas, error) from None
    _check_stream(stream, info)
    if (info.config.num_replicas or 1) < replicas:
        few = f"{info.config.num_replicas or 1} of {replicas} replicas"
        log.warning("stream.drift", stream=stream.name, detail=few)
    if stream.refuses and info.config.discard != DiscardPolicy.NEW:
        info = await _refusing(js, stream, info)
    return info


def refused(what: str, replicas: int, error: APIError) -> BusError | TopologyConflict:
    """What JetStream said of making or changing `what`, by what the caller does next."""
    told = f"{what}: {said(error)}"
    if error.err_code == NO_CLUSTER:
        return TopologyConflict(f"{told}; NATS_REPLICAS is {replicas}, which takes a cluster of as many servers")
    if error.err_code == NO_PEERS:
        return BusError(f"{told}; NATS_REPLICAS is {replicas}: are as many servers there, with room?")
    return TopologyConflict(told) if isinstance(error, BadRequestError) else BusError(told)


def made_by_us(stream: Stream, info: StreamInfo) -> bool:
    """Not by the platform, as far as its settings tell. `max_bytes` and replicas tell nothing: they were always
    settings."""
    ours = _stream_config(stream, 0)
    return all(getattr(info.config, name) == getattr(ours, name) for name in _OF_OURS)


async def _refusing(js: JetStreamContext, stream: Stream, info: StreamInfo) -> StreamInfo:
    """A stream that forgets what it should keep: one that an older version of ours made is changed, one that the
    platform made is used as it is."""
    if made_by_us(stream, info):
        try:
            changed = await js.update_stream(info.config.evolve(discard=DiscardPolicy.NEW))
            log.warning("stream.migrated", stream=stream.name, detail="discard new")
            return changed
        except (APIError, nats.errors.Error) as error:
            log.warning("stream.not_migrated", stream=stream.name, errorType=type(error).__name__)
    log.warning("stream.drift", stream=stream.name, detail="discard old, forgets its oldest when it is full")
    return info


def _check_stream(stream: Stream, info: StreamInfo) -> None:
    config = info.config
    held = config.subjects or []
    if not all(any(_covers(have, want) for have in held) for want in stream.subjects):
        raise TopologyConflict(f"stream {stream.name}: its subjects do not hold {', '.join(stream.subjects)}")
    if stream.purged and config.storage != StorageType.FILE:
        log.warning("stream.drift", stream=stream.name, detail="kept in memory, lost with the server")
    if stream.purged and config.retention == RetentionPolicy.INTEREST:
        raise TopologyConflict(f"stream {stream.name}: retention interest drops messages without a consumer")
    if not config.allow_atomic and stream.allow_atomic:
        log.warning("stream.drift", stream=stream.name, detail="no allow_atomic, single publishes")


def _covers(pattern: str, subject: str) -> bool:
    have, want = pattern.split("."), subject.split(".")
    for index, part in enumerate(have):
        if part == ">":
            return len(want) > index
        if index >= len(want) or (part not in ("*", want[index])):
            return False
    return len(have) == len(want)


async def ensure_consumer(js: JetStreamContext, consumer: Consumer) -> ConsumerInfo:
    """The durable as it stands, created where missing; drift of its settings is logged."""
    try:
        info: ConsumerInfo = await js.consumer_info(consumer.stream, consumer.durable)
    except NotFoundError:
        created: ConsumerInfo = await js.add_consumer(
            consumer.stream,
            ConsumerConfig(
                durable_name=consumer.durable,
                filter_subject=consumer.filter_subject,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=consumer.ack_wait,
                max_deliver=consumer.max_deliver,
                max_ack_pending=consumer.max_ack_pending,
            ),
        )
        return created
    config = info.config
    if config is None or config.filter_subject != consumer.filter_subject:
        raise TopologyConflict(f"consumer {consumer.durable}: its filter is not {consumer.filter_subject}")
    if config.max_deliver not in (None, -1):
        log.warning("consumer.drift", consumer=consumer.durable, detail="max_deliver ends messages silently")
    if (config.ack_wait, config.max_ack_pending) != (consumer.ack_wait, consumer.max_ack_pending):
        log.warning("consumer.drift", consumer=consumer.durable, detail="ack_wait or max_ack_pending differ")
    return info


async def ensure_bucket(js: JetStreamContext, bucket: Bucket, replicas: int = 1) -> KeyValue:
    """The bucket, created where missing, in that many copies. Raises as `ensure_stream`."""
    try:
        return await js.key_value(bucket.name)
    except NotFoundError:
        try:
            return await js.create_key_value(
                KeyValueConfig(
                    bucket=bucket.name,
                    ttl=bucket.ttl or None,
                    history=1,
                    storage=StorageType.MEMORY if bucket.memory else StorageType.FILE,
                    replicas=replicas,
                )
            )
        except APIError as error:
            # Another process was faster.
            try:
                return await js.key_value(bucket.name)
            except NotFoundError:
                raise refused(f"bucket {bucket.name}", replicas, error) from None
