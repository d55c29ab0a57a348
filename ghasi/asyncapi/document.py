"""docs/asyncapi.yaml: every subject of the connector for machines, made from the types the code itself uses."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ghasi.asyncapi.catalogue import CHANNELS, OPERATIONS
from ghasi.asyncapi.parts import JSON, Channel, Message, Operation
from ghasi.asyncapi.schemas import TEMPLATE, schemas_of

VERSION = "1.0.0"
HEAD = "# Made by `python manage.py asyncapi`; not edited by hand. In words: docs/contract.md.\n"
PARAMETERS = {
    "operatorId": "UUID of the operator, in lower case",
    "replica": "name of a gateway replica (GATEWAY_REPLICA)",
    "traceId": "32 hex digits of who asks",
    "process": "name of a gateway replica, or worker.{pool}.{process}",
    "slot": "number of the bind slot, from 0",
    "profile": "name of a live profile, or an operatorId",
}


def text() -> str:
    """The document as YAML, with a note that it is made."""
    return HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=116)


def document() -> dict[str, Any]:
    """The document, AsyncAPI 3.0."""
    answers = {one.answer.name: one.answer for one in OPERATIONS if one.answer is not None}
    messages = [message for channel in CHANNELS for message in channel.messages] + list(answers.values())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "smpp-connector",
            "version": VERSION,
            "description": (
                "SMS commands from NATS JetStream to mobile operators over SMPP 3.4, results and receipts back as "
                "events. Actions are the connector's: what it receives, the platform publishes. Messages may gain "
                "fields; a reader ignores what it does not know."
            ),
        },
        "defaultContentType": JSON,
        "servers": {
            "nats": {
                "host": "{host}",
                "protocol": "nats",
                "description": "NATS with JetStream (NATS_URL).",
                "variables": {"host": {"default": "nats:4222"}},
            }
        },
        "channels": _channels(answers),
        "operations": {one.name: _operation(one) for one in OPERATIONS},
        "components": {
            "messages": {message.name: _message(message) for message in messages},
            "schemas": schemas_of([one.payload for one in messages if isinstance(one.payload, type)]),
        },
    }


def _channels(answers: dict[str, Message]) -> dict[str, Any]:
    made = {channel.name: _channel(channel) for channel in CHANNELS}
    for name in answers:
        # An inbox of the asker's: its subject stands in the request.
        made[name] = {"address": None, "messages": {name: _ref("components", "messages", name)}}
    return made


def _channel(channel: Channel) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", channel.address)
    made: dict[str, Any] = {"address": channel.address, "description": channel.summary}
    made["messages"] = {one.name: _ref("components", "messages", one.name) for one in channel.messages}
    if names:
        made["parameters"] = {name: {"description": PARAMETERS[name]} for name in names}
    if channel.stream is not None:
        stream = channel.stream
        made["x-jetstream"] = {
            "stream": stream.name,
            "subjects": list(stream.subjects),
            "maxAgeSeconds": int(stream.max_age),
            "duplicateWindowSeconds": int(stream.duplicate_window),
            "discard": "new" if stream.refuses else "old",
            "allowAtomic": stream.allow_atomic,
            "purgedBehindConsumers": stream.purged,
        }
    if channel.consumer is not None:
        consumer = channel.consumer
        made["x-jetstream"]["consumer"] = {
            "durable": consumer.durable,
            "filterSubject": consumer.filter_subject,
            "ackWaitSeconds": int(consumer.ack_wait),
            "maxAckPending": consumer.max_ack_pending,
            "maxDeliver": consumer.max_deliver,
        }
    if channel.bucket is not None:
        bucket = channel.bucket
        made["x-key-value"] = {
            "bucket": bucket.name,
            "ttlSeconds": int(bucket.ttl),
            "storage": "memory" if bucket.memory else "file",
        }
    return made


def _operation(one: Operation) -> dict[str, Any]:
    (channel,) = (channel for channel in CHANNELS if channel.name == one.channel)
    made: dict[str, Any] = {
        "action": one.action,
        "channel": _ref("channels", one.channel),
        "title": one.who,
        "summary": one.summary,
        "messages": [_ref("channels", one.channel, "messages", each.name) for each in channel.messages],
    }
    if one.answer is not None:
        made["reply"] = {
            "address": {
                "location": "$message.header#/replyTo",
                "description": "The inbox that NATS gives a request.",
            },
            "channel": _ref("channels", one.answer.name),
            "messages": [_ref("channels", one.answer.name, "messages", one.answer.name)],
        }
    return made


def _message(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"name": message.name, "summary": message.summary, "contentType": message.content_type}
    if message.headers is not None:
        made["headers"] = dict(message.headers)
    if isinstance(message.payload, type):
        made["payload"] = {"$ref": TEMPLATE.format(name=message.payload.__name__)}
    else:
        made["payload"] = dict(message.payload)
    return made


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}


class _Dumper(yaml.SafeDumper):
    """What is said twice is written twice: anchors are for people, and nobody writes this file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
