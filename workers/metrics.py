"""What the worker pools count (docs/contract.md §11).

Import `workers.metrics_dir` and call `prepare()` before this module where several processes are to be shown as one:
prometheus_client decides at its first import whether values live in shared files.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_OPERATOR = ["operator_id"]

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
in_doubt_proven = Counter(
    "smpp_connector_in_doubt_proven_total",
    "Parts in doubt that a receipt of an unknown id proved, by what",
    [*_OPERATOR, "proof"],
)

tps_throttle = Counter("smpp_connector_tps_throttle_total", "Bookings that the operator's limit cut short", _OPERATOR)
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
dispatch_to_wire = Histogram(
    "smpp_connector_dispatch_to_wire_seconds",
    "From the command in the stream to the write of its first PDU",
    _OPERATOR,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0),
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
