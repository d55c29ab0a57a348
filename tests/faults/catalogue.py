"""Every fault by the name under which figures are written, with its promise: the rows of docs/reliability.md."""

from __future__ import annotations

from ghasi import crash
from tests.faults.catalogue_replicas import BOOKS, PROCESSES, REPLICAS
from tests.faults.rows import Fault, Section
from tests.faults.test_smsc import ANSWERS, RECEIPTS, SESSIONS
from tests.faults.wiring import FAULTS, PAIRS

_ASKED = "asked for at the gateway by key; sent once"
_DOUBT = "what may have left is in doubt, at most two windows; resent by policy and marked"
_TWICE = "the SMSC sends the receipt again; stored once, one event"
_AGAIN = "comes again after the ack wait; the ledger answers it"
_RECEIPTS_AGAIN = "the batch comes again; no state changes twice, no event is told twice"
_ADMITTED = "nothing lost; whatever is sent twice is marked"


_POINTS = {
    "gateway.on_request": (
        "a hand-over has arrived",
        "nothing left, yet nobody can tell: in doubt, resent and marked",
    ),
    "gateway.before_write": (
        "just before the write",
        "nothing left, yet nobody can tell: in doubt, resent and marked",
    ),
    "gateway.after_write": ("just after the write", _DOUBT),
    "gateway.on_response": ("a submit_sm_resp has arrived", _DOUBT),
    "gateway.after_answer": (
        "the fates have gone to the worker",
        "what was answered stands; the rest of the window is in doubt",
    ),
    "gateway.on_receipt": ("a receipt has arrived", "not answered, so the SMSC sends it again"),
    "gateway.receipt_stored": ("the receipt is stored, not answered", _TWICE),
    "gateway.receipt_answered": ("the receipt is answered", "it is stored; nothing to do"),
    "dispatch.fetched": ("commands are fetched", "nothing stands; comes again after the ack wait"),
    "dispatch.before_claim": ("before the rows", "nothing stands; comes again after the ack wait"),
    "dispatch.claimed": ("the rows are committed", _ASKED),
    "dispatch.before_request": ("before the hand-over", _ASKED),
    "dispatch.before_record": ("the gateway has answered", "asked for at the gateway, which remembers; sent once"),
    "dispatch.recorded": ("the fates are committed", _AGAIN),
    "dispatch.before_publish": ("before the events", _AGAIN),
    "dispatch.published": ("the events are stored", _AGAIN),
    "dispatch.before_ack": ("before an ack", _AGAIN),
    "dispatch.acked": ("after an ack", "done; its batch goes on as above"),
    "receipts.before_match": ("before the ledger is asked", _RECEIPTS_AGAIN),
    "receipts.committed": ("states are committed", _RECEIPTS_AGAIN),
    "receipts.before_publish": ("before the events", _RECEIPTS_AGAIN),
    "receipts.published": ("the events are stored", _RECEIPTS_AGAIN),
    "receipts.before_ack": ("before the acks", _RECEIPTS_AGAIN),
    "receipts.acked": ("after the acks", "done"),
}

_FULL = {
    "SMS_DISPATCH": "the publisher hears a refusal; what was accepted is sent when the workers are back",
    "SMPP_RECEIPTS": "`deliver_sm` gets a temporary error, the bind stays; the SMSC sends it again",
    "DLR_EVENTS": "with discard `new`: receipts stay unacknowledged and are told when there is room",
    "SUBMIT_EVENTS": "with discard `new`: commands stay unacknowledged and are told when there is room",
    "SMPP_DEAD": "with discard `new`: refused commands stay unacknowledged until their bytes are kept",
}

_SERVERS = (
    Fault(
        "kill nats",
        "NATS killed and restarted, three times",
        "no acknowledged message lost; acks that were lost come back as repeats",
    ),
    Fault(
        "kill postgres",
        "PostgreSQL killed and restarted, three times",
        "no octet leaves without its row; intake goes on where it stopped",
    ),
    Fault(
        "kill valkey", "Valkey killed and restarted empty, three times", "the limit holds on the wire in every second"
    ),
    *(
        Fault(f"pause {name}", f"{name} frozen for 8 s (SIGSTOP)", _ADMITTED)
        for name in ("nats", "postgres", "valkey")
    ),
    *(Fault(f"away {name}", f"{name} killed, away for 15 s", _ADMITTED) for name in ("nats", "postgres", "valkey")),
    Fault("flushall", "FLUSHALL five times a second", "the limit holds on the wire in every second"),
    *(
        Fault(f"leader of {stream} {how}", f"three NATS servers: leader of {stream} {how}", _ADMITTED)
        for stream in ("SMS_DISPATCH", "SMPP_RECEIPTS")
        for how in ("killed", "paused")
    ),
    Fault(
        "power cut nats",
        "power cut of the disk of NATS, twice",
        "everything acknowledged is there (`sync_interval: always`)",
    ),
    Fault(
        "power cut postgres",
        "power cut of the disk of PostgreSQL, twice",
        "everything committed is there (`synchronous_commit`)",
    ),
    Fault(
        "disk full nats",
        "full disk of NATS for 12 s",
        "nothing accepted is lost; NATS takes nothing more until it is **restarted**, also when there is room",
    ),
    Fault(
        "disk full postgres", "full disk of PostgreSQL for 12 s", "nothing accepted is lost; goes on with the room"
    ),
    *(Fault(f"full {stream}", f"{stream} at its limit, then given room", said) for stream, said in _FULL.items()),
    *(
        Fault(
            f"descriptors {process}",
            f"{process} without a free file descriptor for 8 s, and NATS restarted meanwhile",
            "like a connection that is away; connects when it gets one",
        )
        for process in ("gateway", "dispatch", "receipts")
    ),
    Fault(
        "commands killed",
        "`drain` and `audit --acknowledge` killed, 0.3 s later each time",
        "done once or not at all, and can be given again",
    ),
)

_PEERS = {
    "throttle storm": "given back with growing delays; nothing lost",
    "queue full": "given back with growing delays; nothing lost",
    "wrong sequence numbers": "an answer nobody waits for settles nothing: in doubt after the response timeout",
    "answers twice": "the second is ignored",
    "answers under another command": "matched by sequence number; what says nothing leaves doubt",
    "no answer, taken": "in doubt; resent by policy and marked",
    "no answer, not taken": "in doubt; resent by policy and marked",
    "generic_nack": "a refusal; tried again",
    "answers out of order": "matched by sequence number",
    "answers too late": "in doubt first, settled by the late answer",
    "empty message ids": "legal; receipts wait in the inbox",
    "length under 16": "nacked, closed, bound again; the window is in doubt",
    "absurd length": "nacked, closed, bound again; the window is in doubt",
    "garbage for a header": "an unknown command is nacked, the session goes on",
    "PDUs split into octets": "put together again",
    "unbind mid-window": "answered; what was not is in doubt",
    "reset mid-window, taken": "in doubt; resent by policy and marked",
    "reset mid-window, not taken": "in doubt; resent by policy and marked",
    "FIN after an answer": "what was not answered is in doubt",
    "silence": "noticed by enquire_link; closed, bound again, the window in doubt",
    "receipts before their responses": "wait in the inbox, matched at once when the response comes",
    "late receipts": "matched whenever they come",
    "receipts twice": "the same octets are stored once",
    "receipts out of order": "the states form a lattice; each yields its event; binds do not matter",
    "receipts of unknown ids": "answered, kept in the inbox, counted",
    "one id for two messages": "each receipt finds the message of its number",
    "one id for all parts": "each receipt goes to a part without a final state",
}

SECTIONS = (
    Section(
        "Crash points",
        "Kill -9 of a process at a named step, under load, then a start in its place; with windows of 1, 10 and 100. "
        "`FAULT_POINT=name:n` makes any process die there ([contract.md §12](contract.md#12-environment)).",
        tuple(
            Fault(f"crash {point}", f"`{point}`: {_POINTS[point][0]}", _POINTS[point][1]) for point in crash.POINTS
        ),
    ),
    Section(
        "Servers and disks",
        "The servers beside us, hurt under a load close to the operator's limit.",
        _SERVERS,
    ),
    REPLICAS,
    BOOKS,
    PROCESSES,
    Section(
        "Network",
        "A TCP proxy between a pair of processes does its worst for four seconds under load, then heals.",
        tuple(
            Fault(f"{pair}: {fault}", f"{pair.replace('-', ' – ', 1)}: {fault}", _ADMITTED)
            for pair in PAIRS
            for fault in FAULTS
        ),
    ),
    Section(
        "SMSC",
        "What operators' SMSCs do, by the rules of the [simulator](simulator.md). Seconds count from the first "
        "of the messages, the fault included.",
        (
            *(Fault(f"SMSC: {name}", name, _PEERS[name]) for name in (*ANSWERS, *SESSIONS, *RECEIPTS)),
            Fault(
                "SMSC: refused, and delivered all the same",
                "refused, and delivered all the same",
                "**does not hold, and cannot**: a refusal is believed, so the next try is a double that nobody on "
                "this side can see",
                admits_doubles=True,
            ),
        ),
    ),
    Section(
        "Everything at once",
        "Kills of processes and servers, faults of every connection and every kind of refusal, drawn from one seed "
        "under load; then everything heals and drains, and all logs are compared.",
        (
            Fault("mixed", "random faults from one seed", _ADMITTED),
            Fault(
                "mixed fleet",
                "the same, with two gateways, two processes of each pool, and three operators of which one is "
                "another's backup",
                _ADMITTED,
            ),
        ),
        shows_notes=True,
    ),
    Section(
        "Malformed input",
        "Octets drawn by hypothesis: noise, and valid PDUs spoilt in a few places.",
        (
            *(
                Fault(f"fuzz: {name}", f"any octets as {name}", "a typed result, never another exception")
                for name in ("PDUs", "TLVs", "receipts", "messages of SMPP_RECEIPTS", "commands")
            ),
            *(
                Fault(
                    f"fuzz: session core as {role}",
                    f"any octets to a session in the role {role}",
                    "never raises; each request in flight ends once",
                )
                for role in ("ESME", "SMSC")
            ),
            Fault("fuzz: flood", "eight MiB of noise or of strange PDUs", "less than 280 KiB are held"),
            Fault(
                "fuzz: two sessions joined",
                "two sessions over a network that cuts and delays",
                "windows hold, each request ends once",
            ),
        ),
        counts_messages=False,
    ),
)
