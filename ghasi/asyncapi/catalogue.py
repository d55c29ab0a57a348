"""Every subject of docs/contract.md §1, who sends what there and who takes it."""

from __future__ import annotations

from typing import Final

from ghasi.asyncapi.parts import MSGPACK, OCTETS, Channel, Message, Operation
from ghasi.contracts import sessions, subjects, submission, topology
from ghasi.contracts.commands import DeadReason, SmsDispatchCommand
from ghasi.contracts.events import DlrInboundEvent, OperatorHealthEvent, SubmitResultEvent
from ghasi.contracts.trace import TraceBatch
from ghasi.profiles.record import ProfileRecord

OPERATOR: Final = "{operatorId}"
_STREAMS = {stream.name: stream for stream in topology.STREAMS}
_BUCKETS = {bucket.name: bucket for bucket in topology.BUCKETS}
_TEXT = {"type": "string"}
_HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

COMMAND_HEADERS = {
    "type": "object",
    "properties": {
        subjects.HEADER_TRACEPARENT: {**_TEXT, "description": "W3C trace context, where the body has none."},
        subjects.HEADER_REPLAY: {
            **_TEXT,
            "pattern": "^[0-9]+$",
            "description": "The attempt up to which settled parts may be sent again.",
        },
    },
}
DEAD_HEADERS = {
    "type": "object",
    "required": [subjects.HEADER_MSG_ID, subjects.HEADER_REASON, "Smpp-Stream-Seq"],
    "properties": {
        subjects.HEADER_MSG_ID: {**_TEXT, "description": "Of operator, stream sequence and reason."},
        subjects.HEADER_REASON: {
            "description": "Why; docs/contract.md §1 tells each.",
            "anyOf": [
                {"enum": [reason.value for reason in DeadReason]},
                {"type": "string", "pattern": "^rejected:"},
                {"enum": ["in_doubt:hold", "in_doubt:fail"]},
            ],
        },
        "Smpp-Detail": {**_TEXT, "description": "Field and rule, never a value."},
        "Smpp-Stream-Seq": {**_TEXT, "pattern": "^[0-9]+$"},
        "Smpp-Message-Id": {**_TEXT, "format": "uuid"},
        "Smpp-Truncated": {"const": "1"},
        "Smpp-Length": {**_TEXT, "pattern": "^[0-9]+$"},
        "Smpp-Sha256": _HEX,
    },
}
RECEIPT_HEADERS = {
    "type": "object",
    "required": [subjects.HEADER_MSG_ID, subjects.HEADER_TAKEN_AT],
    "properties": {
        subjects.HEADER_MSG_ID: {**_TEXT, "description": "Of operator and PDU, its sequence number left out."},
        subjects.HEADER_TAKEN_AT: {**_TEXT, "description": "When the gateway took it in."},
    },
}
RESPONSE_HEADERS = {
    "type": "object",
    "required": [subjects.HEADER_KIND],
    "properties": {subjects.HEADER_KIND: {"const": subjects.KIND_RESPONSE}},
}
WORKER_RECORD = {
    "title": "WorkerRecord",
    "description": "A living worker process.",
    "type": "object",
    "required": ["process", "pool", "operatorIds", "startedAt"],
    "properties": {
        "process": _TEXT,
        "pool": {"enum": ["dispatch", "receipts"]},
        "operatorIds": {"type": "array", "items": _TEXT},
        "startedAt": {"type": "number", "description": "Unix seconds."},
        "version": {**_TEXT, "description": "Its release; empty where it is older than this field."},
    },
}

SUBMIT_ANSWER = Message("submitAnswer", "What became of each part.", submission.SubmitAnswer, MSGPACK)
CONTROL_ANSWER = Message("controlAnswer", "One replica's word.", sessions.ControlAnswer)


def _kept(name: str, bucket: str, key: str, summary: str, *messages: Message) -> Channel:
    """The keys of a bucket as a channel."""
    return Channel(name, f"$KV.{bucket}.{key}", summary, messages, bucket=_BUCKETS[bucket])


CHANNELS = (
    Channel(
        "dispatch",
        subjects.dispatch(OPERATOR),
        "Commands of one operator, one for each SMS.",
        (Message("command", "One SMS to send (docs/contract.md §2).", SmsDispatchCommand, headers=COMMAND_HEADERS),),
        stream=_STREAMS[subjects.SMS_DISPATCH],
        consumer=topology.dispatch_consumer(OPERATOR),
    ),
    Channel(
        "receipts",
        subjects.receipt(OPERATOR),
        "What an operator handed over, on disk before it was answered.",
        (
            Message(
                "receipt",
                "A deliver_sm or data_sm as it came, its header included.",
                {"type": "string", "format": "binary"},
                OCTETS,
                RECEIPT_HEADERS,
            ),
            Message(
                "lateResponse",
                "A submit_sm_resp that came after its request was given up.",
                submission.LateResponse,
                MSGPACK,
                RESPONSE_HEADERS,
            ),
        ),
        stream=_STREAMS[subjects.SMPP_RECEIPTS],
        consumer=topology.receipt_consumer(OPERATOR),
    ),
    Channel(
        "receiptEvents",
        subjects.DLR_INBOUND,
        "One event for each receipt and part.",
        (Message("dlrInbound", "A receipt (docs/contract.md §3).", DlrInboundEvent),),
        stream=_STREAMS[subjects.DLR_EVENTS],
    ),
    Channel(
        "submitResults",
        subjects.SUBMIT_RESULT,
        "One event for each message and attempt, once its last part is settled.",
        (Message("submitResult", "How a message was submitted (docs/contract.md §5).", SubmitResultEvent),),
        stream=_STREAMS[subjects.SUBMIT_EVENTS],
    ),
    Channel(
        "operatorHealth",
        subjects.OPERATOR_HEALTH,
        "The state of an operator over all its binds, at each change and every 20 seconds.",
        (Message("health", "An operator's state (docs/contract.md §4).", OperatorHealthEvent),),
        stream=_STREAMS[subjects.OPERATOR_EVENTS],
    ),
    Channel(
        "dead",
        subjects.dead(OPERATOR),
        "Commands that cannot, could not or may not be sent, with their bytes.",
        (
            Message(
                "deadLetter",
                "The command's bytes as they came; of one over the size limit the first 64 KiB.",
                {"type": "string", "format": "binary"},
                OCTETS,
                DEAD_HEADERS,
            ),
        ),
        stream=_STREAMS[subjects.SMPP_DEAD],
    ),
    Channel(
        "submit",
        subjects.submit(OPERATOR, "{replica}"),
        "PDUs handed over to the gateway replica that holds the binds, and questions about them.",
        (
            Message("submitRequest", "PDUs to send.", submission.SubmitRequest, MSGPACK),
            Message("askRequest", "What became of parts handed over earlier.", submission.AskRequest, MSGPACK),
        ),
    ),
    Channel(
        "control",
        subjects.control(OPERATOR),
        "What staff wants of an operator; every replica assigned to it answers.",
        (Message("controlRequest", "A wish or a question.", sessions.ControlRequest),),
    ),
    Channel(
        "controlOne",
        subjects.control(OPERATOR, "{replica}"),
        "The same, to one replica.",
        (Message("controlOneRequest", "A wish or a question.", sessions.ControlRequest),),
    ),
    Channel(
        "trace",
        subjects.trace(OPERATOR, "{traceId}"),
        "Copies of PDUs, only while somebody asks for them; masked unless the order and the gateway say otherwise.",
        (Message("traceBatch", "PDUs in the order of the wire.", TraceBatch, MSGPACK),),
    ),
    _kept(
        "replicas",
        subjects.BUCKET_REPLICAS,
        "{process}",
        "Who lives: gateway replicas under their names, workers as `worker.{pool}.{process}`.",
        Message("gatewayAlive", "A living gateway replica.", sessions.ReplicaRecord),
        Message("workerAlive", "A living worker process.", WORKER_RECORD),
    ),
    _kept(
        "slots",
        subjects.BUCKET_SLOTS,
        f"{OPERATOR}.{{slot}}",
        "Who holds a bind slot; the key's revision is the fencing number.",
        Message("slot", "The holder.", sessions.SlotRecord),
    ),
    _kept(
        "sessionRecords",
        subjects.BUCKET_SESSIONS,
        f"{OPERATOR}.{{replica}}",
        "An operator as one gateway replica sees it.",
        Message("session", "State, limits and rules.", sessions.SessionRecord),
    ),
    _kept(
        "wanted",
        subjects.BUCKET_WANTED,
        f"{OPERATOR}",
        "What staff wants of an operator; survives restarts.",
        Message("wish", "What, who, why and when.", sessions.WantedRecord),
    ),
    _kept(
        "profiles",
        subjects.BUCKET_PROFILES,
        "{profile}",
        "Live profiles, by name or by operatorId (docs/profiles.md).",
        Message("profile", "A profile as its author wrote it.", ProfileRecord),
    ),
)

GATEWAY, DISPATCH, RECEIPTS = "session gateway", "dispatch workers", "receipt workers"
OPERATIONS = (
    Operation("takeCommands", "receive", "dispatch", DISPATCH, "Pulls what may be sent now."),
    Operation("keepReceipts", "send", "receipts", GATEWAY, "Publishes before the operator gets its answer."),
    Operation("takeReceipts", "receive", "receipts", RECEIPTS, "Finds the part and records its state."),
    Operation("tellReceipts", "send", "receiptEvents", RECEIPTS, "One event for each receipt and part."),
    Operation("tellResults", "send", "submitResults", DISPATCH, "Once the last part of a message is settled."),
    Operation("tellHealth", "send", "operatorHealth", GATEWAY, "By the holder of the operator's lowest slot."),
    Operation("putAside", "send", "dead", DISPATCH, "Stored before the command is acknowledged."),
    Operation("handOver", "send", "submit", DISPATCH, "Hands PDUs over, or asks about them.", answer=SUBMIT_ANSWER),
    Operation("order", "send", "control", "commands", "`manage.py bind` and its like.", answer=CONTROL_ANSWER),
    Operation("orderOne", "send", "controlOne", "commands", "The same, addressed.", answer=CONTROL_ANSWER),
    Operation("showPdus", "send", "trace", GATEWAY, "While the order is renewed."),
    Operation("sayAlive", "send", "replicas", "gateway and workers", "Renewed every 3 seconds."),
    Operation("holdSlot", "send", "slots", GATEWAY, "By compare-and-set."),
    Operation("showSession", "send", "sessionRecords", GATEWAY, "At each change, and within 10 seconds."),
    Operation("wish", "send", "wanted", "commands and gateway", "Until somebody wants something else."),
    Operation("publishProfile", "send", "profiles", "web and receipt workers", "At each change, and where missing."),
)
