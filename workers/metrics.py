"""What the worker pools count (docs/contract.md §11).

Import `workers.metrics_dir` and call `prepare()` before this module where several processes are to be shown as one:
prometheus_client decides at its first import whether values live in shared files.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from workers.histograms import BatchHistogram

_OPERATOR = ["operator_id"]
AWAY, FAULT = LEDGER_FAILURES = ("away", "fault")
"""PostgreSQL did not answer, and is asked again; it refused, and would again."""

dlr_received = Counter(
    "smpp_connector_dlr_received_total",
    "Receipts taken in, by the status of their event",
    [*_OPERATOR, "status"],
)
dlr_correlation_not_found = Counter(
    "smpp_connector_dlr_correlation_not_found_total",
    "Receipts that matched no part when they were taken in",
    _OPERATOR,
)
dlr_unreadable = Counter(
    "smpp_connector_dlr_unreadable_total",
    "Receipts that could not be read, by what stood in the way",
    [*_OPERATOR, "reason"],
)
late_responses = Counter(
    "smpp_connector_late_responses_total", "submit_sm_resp that came after their request was given up", _OPERATOR
)
receipts_inbox = Gauge(
    "smpp_connector_receipts_inbox",
    "Receipts that wait for their part",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
receipts_inbox_oldest = Gauge(
    "smpp_connector_receipts_inbox_oldest_seconds",
    "Age of the oldest waiting receipt that the platform has not been told of",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
receipts_unconsumed = Gauge(
    "smpp_connector_receipts_unconsumed",
    "Receipts in the stream that no lane takes in",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
receipts_given_up = Counter(
    "smpp_connector_receipts_given_up_total", "Receipts told without a message, because no part was found", _OPERATOR
)
id_relation = Gauge(
    "smpp_connector_id_relation",
    "1 for the state in which the relation between an operator's response ids and receipt ids is",
    [*_OPERATOR, "state"],
    multiprocess_mode="livemostrecent",
)
id_misfits = Gauge(
    "smpp_connector_id_misfits",
    "Share of the latest pairs of ids that the relation in force does not bring together",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
in_doubt_proven = Counter(
    "smpp_connector_in_doubt_proven_total",
    "Parts in doubt that a receipt of an unknown id proved, by what",
    [*_OPERATOR, "proof"],
)

rules_not_followed = Gauge(
    "smpp_connector_rules_not_followed",
    "1 while a gateway says rules of an operator by which no PDU can be built here, so that its commands wait",
    _OPERATOR,
    multiprocess_mode="livemax",
)
tps_throttle = Counter("smpp_connector_tps_throttle_total", "PDUs that the operator's limit made wait", _OPERATOR)
tps_slowed = Counter(
    "smpp_connector_tps_slowed_total", "How often an operator's throttling lowered its rate", _OPERATOR
)
tps_effective = Gauge(
    "smpp_connector_tps_effective",
    "PDUs a second that an operator gets at most now",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
status_held = Counter(
    "smpp_connector_status_held_total",
    "Parts held because nobody knows what their command_status means",
    [*_OPERATOR, "command_status"],
)
parts_held = Gauge(
    "smpp_connector_parts_held",
    "Parts in doubt that are left to a person",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
tps_local_share = Gauge(
    "smpp_connector_tps_local_share",
    "1 while permits are this process's share because Redis is away",
    _OPERATOR,
    multiprocess_mode="livemax",
)

long_message_segments = Counter(
    "smpp_connector_long_message_segments_total",
    "Parts of long messages handed over",
    [*_OPERATOR, "strategy"],
)
transliterated = Counter(
    "smpp_connector_transliterated_characters_total",
    "Characters replaced so that a text fits the operator's alphabet",
    _OPERATOR,
)
dispatch_to_wire = BatchHistogram(
    "smpp_connector_dispatch_to_wire_seconds",
    "From the command in the stream to the write of its first PDU",
    _OPERATOR,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0),
)
receipt_to_event = BatchHistogram(
    "smpp_connector_receipt_to_event_seconds",
    "From the gateway's taking in of a receipt to its event in the stream",
    _OPERATOR,
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)
submit_refused = Counter(
    "smpp_connector_submit_sm_refused_total",
    "Parts that the operator refused, for good or for now",
    [*_OPERATOR, "command_status"],
)
in_doubt = Counter("smpp_connector_in_doubt_total", "Parts handed over whose fate nobody could tell", _OPERATOR)
duplicates = Counter(
    "smpp_connector_duplicates_total",
    "Commands not sent because their message was sent before",
    _OPERATOR,
)
dead_letters = Counter("smpp_connector_dead_letters_total", "Commands put aside in SMPP_DEAD", [*_OPERATOR, "reason"])
dead_letters_waiting = Gauge(
    "smpp_connector_dead_letters_waiting",
    "Commands that SMPP_DEAD does not take and that wait for it, unacknowledged",
    _OPERATOR,
    multiprocess_mode="livesum",
)
events_forgotten = Gauge(
    "smpp_connector_events_forgotten",
    "Messages that an event stream has dropped and its slowest reader has not settled",
    ["stream"],
    multiprocess_mode="livemostrecent",
)
lane_backlog = Gauge(
    "smpp_connector_lane_backlog",
    "Messages of an operator that wait in the stream, by pool",
    [*_OPERATOR, "pool"],
    multiprocess_mode="livemostrecent",
)
lane_oldest = Gauge(
    "smpp_connector_lane_oldest_timestamp_seconds",
    "When the oldest message of an operator that is not settled was stored, by pool; 0 where there is none",
    [*_OPERATOR, "pool"],
    multiprocess_mode="livemostrecent",
)
lane_held = Gauge(
    "smpp_connector_lane_held",
    "Commands in hand that wait for a permit, the window or the operator",
    _OPERATOR,
    multiprocess_mode="livesum",
)
lane_retries_waiting = Gauge(
    "smpp_connector_lane_retries_waiting",
    "Commands given back that wait for their next try",
    _OPERATOR,
    multiprocess_mode="livesum",
)
unassigned_backlog = Gauge(
    "smpp_connector_unassigned_backlog",
    "Commands for an operator nobody is assigned to",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)

accounting_difference = Gauge(
    "smpp_connector_accounting_difference",
    "Commands lost and messages doubled that nobody has acknowledged",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
accounting_checked = Gauge(
    "smpp_connector_accounting_checked_timestamp_seconds",
    "When the books were last compared",
    _OPERATOR,
    multiprocess_mode="livemostrecent",
)
accounting_untold = Counter(
    "smpp_connector_accounting_untold_total",
    "Commands of which the books cannot tell any more what became of them",
    _OPERATOR,
)

started = Gauge(
    "smpp_connector_started_timestamp_seconds", "When the youngest process began", multiprocess_mode="livemax"
)
nats_connected = Gauge(
    "smpp_connector_nats_connected", "1 while every process reaches NATS", multiprocess_mode="livemin"
)
ledger_failures = Counter(
    "smpp_connector_ledger_failures_total",
    "Work that PostgreSQL did not do, by whether it will be tried again",
    ["kind"],
)
ledger_until = Gauge(
    "smpp_connector_ledger_until_timestamp_seconds",
    "Up to when the ledger's days follow each other without a gap",
    multiprocess_mode="livemostrecent",
)
upkeep_failures = Counter("smpp_connector_upkeep_failures_total", "Turns of the upkeep that failed, by job", ["task"])
stream_bytes = Gauge(
    "smpp_connector_stream_bytes", "Octets in a stream", ["stream"], multiprocess_mode="livemostrecent"
)
stream_max_bytes = Gauge(
    "smpp_connector_stream_max_bytes",
    "Octets a stream takes at most; 0 where the server's limit is the only one",
    ["stream"],
    multiprocess_mode="livemostrecent",
)


COMMON_OF_CHORES = (lane_backlog, lane_oldest, unassigned_backlog, events_forgotten, stream_bytes, stream_max_bytes)
COMMON_OF_UPKEEP = (receipts_inbox, receipts_inbox_oldest, parts_held, id_relation, id_misfits, ledger_until)
"""What one process of a pool shows for all of them."""


def hide(gauges: Iterable[Gauge]) -> None:
    """Another process shows now: what this one saw last is not kept in sight. Labels cannot be removed where several
    processes share their metrics."""
    for gauge in gauges:
        for labels in list(gauge._metrics) if gauge._labelnames else ((),):
            (gauge.labels(*labels) if labels else gauge).set(0)


def begin_dispatch(operator_id: str) -> None:
    """What begins at 1 has not risen for who asks whether it did: counters of the pool "dispatch" begin at 0."""
    for counter in (in_doubt, duplicates, tps_throttle, tps_slowed):
        counter.labels(operator_id)


def begin_receipts(operator_id: str) -> None:
    """The same for the pool "receipts"."""
    for counter in (in_doubt, dlr_correlation_not_found, receipts_given_up, late_responses):
        counter.labels(operator_id)


def begin_process() -> None:
    """Of either pool, once it runs."""
    started.set_to_current_time()
    for kind in LEDGER_FAILURES:
        ledger_failures.labels(kind)
