"""What is done and kept: the pools, the ledger, the streams."""

from __future__ import annotations

from typing import Final

from tests.observability.dashboards.panels import (
    OPERATOR,
    Dashboard,
    level,
    line,
    rises,
    stat,
)
from tests.observability.dashboards.panels import PREFIX as M

WORKERS: Final = Dashboard(
    "smpp-workers",
    "SMPP connector: workers",
    (
        line(
            "Commands that wait in the stream",
            f'max by (operator_id) ({M}lane_backlog{{pool="dispatch",{OPERATOR}}})',
        ),
        line(
            "Receipts that wait in the stream",
            f'max by (operator_id) ({M}lane_backlog{{pool="receipts",{OPERATOR}}})',
        ),
        level("Commands in hand", f"{M}lane_held"),
        level("Commands that wait for their next try", f"{M}lane_retries_waiting"),
        rises("PDUs that the limit made wait", f"{M}tps_throttle_total"),
        rises("Rates lowered because the operator throttles", f"{M}tps_slowed_total"),
        rises("Dead letters", f"{M}dead_letters_total", "operator_id, reason"),
        level("Dead letters that wait for SMPP_DEAD", f"{M}dead_letters_waiting"),
        rises("Commands not sent again", f"{M}duplicates_total"),
        line("Commands for nobody", f"max by (operator_id) ({M}unassigned_backlog)"),
        line("Receipts that no lane takes in", f"max by (operator_id) ({M}receipts_unconsumed)"),
        line("NATS reached", f'{M}nats_connected{{job!="smpp-gateway"}}', "{{job}} {{instance}}"),
        line(
            "Running for",
            f'time() - {M}started_timestamp_seconds{{job!="smpp-gateway"}}',
            "{{job}} {{instance}}",
            unit="s",
        ),
        line(
            "Turns of the upkeep that failed",
            f"sum by (task) (rate({M}upkeep_failures_total[$__rate_interval]))",
            "{{task}}",
            unit="ops",
        ),
    ),
)

LEDGER: Final = Dashboard(
    "smpp-ledger",
    "SMPP connector: ledger and streams",
    (
        stat("Books differ by", f"sum(max by (operator_id) ({M}accounting_difference))"),
        stat(
            "Books compared",
            f"time() - min(max by (operator_id) ({M}accounting_checked_timestamp_seconds))",
            "s",
            "Since the operator whose books were compared longest ago.",
        ),
        stat("Untold in a day", f"sum(increase({M}accounting_untold_total[1d]))"),
        stat("Rows can be written for", f"max({M}ledger_until_timestamp_seconds > 0) - time()", "s"),
        stat("Parts held", f"sum(max by (operator_id) ({M}parts_held))"),
        stat("Events forgotten", f"sum(max by (stream) ({M}events_forgotten))"),
        rises("Parts in doubt", f"{M}in_doubt_total"),
        rises("Parts in doubt that a receipt proved", f"{M}in_doubt_proven_total", "operator_id, proof"),
        level("Receipts that wait for their part", f"{M}receipts_inbox", "max"),
        level("Age of the oldest that nobody was told of", f"{M}receipts_inbox_oldest_seconds", "max", unit="s"),
        rises("Receipts without a part", f"{M}dlr_correlation_not_found_total"),
        rises("Receipts told without a message", f"{M}receipts_given_up_total"),
        rises("Receipts that cannot be read", f"{M}dlr_unreadable_total", "operator_id, reason"),
        rises("Answers after the request was given up", f"{M}late_responses_total"),
        level("Parts held for a person", f"{M}parts_held", "max"),
        rises("Parts held, by status", f"{M}status_held_total", "operator_id, command_status"),
        line(
            "Relation of ids",
            f"max by (operator_id, state) ({M}id_relation{{{OPERATOR}}}) > 0",
            "{{operator_id}} {{state}}",
        ),
        level("Share of ids that do not fit", f"{M}id_misfits", "max", unit="percentunit"),
        line(
            "Work that PostgreSQL did not do",
            f"sum by (job, kind) (rate({M}ledger_failures_total[$__rate_interval]))",
            "{{job}} {{kind}}",
            unit="ops",
        ),
        line("Octets in the streams", f"max by (stream) ({M}stream_bytes)", "{{stream}}", unit="bytes"),
        line(
            "Streams, of what they take",
            f"max by (stream) ({M}stream_bytes) / on (stream) max by (stream) ({M}stream_max_bytes > 0)",
            "{{stream}}",
            unit="percentunit",
        ),
    ),
)
