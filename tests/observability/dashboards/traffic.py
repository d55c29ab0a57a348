"""What passes: all operators, one operator, the gateways."""

from __future__ import annotations

from typing import Final

from tests.observability.dashboards.panels import (
    OPERATOR,
    Dashboard,
    Panel,
    level,
    line,
    quantiles,
    rate,
    rises,
    stat,
)
from tests.observability.dashboards.panels import PREFIX as M

ALERTS: Final = Panel(
    "Alerts that fire",
    (('ALERTS{alertname=~"SmppConnector.+",alertstate="firing"}', ""),),
    kind="table",
    width=24,
    about="What to do stands in docs/runbooks.md under the alert's name.",
)

OVERVIEW: Final = Dashboard(
    "smpp-overview",
    "SMPP connector: overview",
    (
        stat("Operators bound", f'count(sum by (operator_id) ({M}sessions_total{{state="BOUND"}}) > 0) or vector(0)'),
        stat(
            "Operators not bound",
            f'count(sum by (operator_id) ({M}sessions_total{{state="BOUND"}}) == 0) or vector(0)',
        ),
        stat("Submits a second", f"sum(rate({M}submit_sm_total[$__rate_interval]))", "ops"),
        stat("Receipts a second", f"sum(rate({M}dlr_received_total[$__rate_interval]))", "ops"),
        stat("Commands that wait", f'sum({M}lane_backlog{{pool="dispatch"}})'),
        stat("Books differ by", f"sum(max by (operator_id) ({M}accounting_difference))"),
        ALERTS,
        line("Submits by operator", f"sum by (operator_id) (rate({M}submit_sm_total[$__rate_interval]))", unit="ops"),
        line(
            "Answers by outcome",
            f"sum by (status) (rate({M}submit_sm_total[$__rate_interval]))",
            "{{status}}",
            unit="ops",
        ),
        line(
            "Receipts by status",
            f"sum by (status) (rate({M}dlr_received_total[$__rate_interval]))",
            "{{status}}",
            unit="ops",
        ),
        line(
            "Age of the oldest message that is not settled",
            f"time() - min by (operator_id, pool) ({M}lane_oldest_timestamp_seconds > 0)",
            "{{operator_id}} {{pool}}",
            unit="s",
        ),
        line("Sessions by state", f"sum by (state) ({M}sessions_total)", "{{state}}"),
        line("Processes", 'up{job=~"smpp-.+"}', "{{job}} {{instance}}"),
    ),
    by_operator=False,
)

ONE_OPERATOR: Final = Dashboard(
    "smpp-operator",
    "SMPP connector: operator",
    (
        Panel(
            "Rate and limit",
            (
                (f"sum by (operator_id) ({M}tps_current{{{OPERATOR}}})", "{{operator_id}} written"),
                (f"max by (operator_id) ({M}tps_limit{{{OPERATOR}}})", "{{operator_id}} limit"),
                (f"min by (operator_id) ({M}tps_effective{{{OPERATOR}}})", "{{operator_id}} in effect"),
            ),
            "ops",
            about="In effect: less than the limit while the operator throttles.",
        ),
        Panel(
            "Window",
            (
                (f"sum by (operator_id) ({M}window_used{{{OPERATOR}}})", "{{operator_id}} used"),
                (f"sum by (operator_id) ({M}window_effective{{{OPERATOR}}})", "{{operator_id}} in effect"),
            ),
        ),
        rises("Answers", f"{M}submit_sm_total", "operator_id, status"),
        rises("Refusals by status", f"{M}submit_sm_refused_total", "operator_id, command_status"),
        quantiles("From write to answer", f"{M}submit_sm_duration_seconds"),
        quantiles("From the command to the wire", f"{M}dispatch_to_wire_seconds"),
        quantiles("From the receipt to its event", f"{M}receipt_to_event_seconds"),
        rises("Receipts by status", f"{M}dlr_received_total", "operator_id, status"),
        Panel(
            "Backlog",
            (
                (f"max by (operator_id, pool) ({M}lane_backlog{{{OPERATOR}}})", "{{operator_id}} {{pool}}"),
                (f"sum by (operator_id) ({M}lane_held{{{OPERATOR}}})", "{{operator_id}} in hand"),
                (f"sum by (operator_id) ({M}lane_retries_waiting{{{OPERATOR}}})", "{{operator_id}} next try"),
            ),
        ),
        line(
            "Sessions by state",
            f"sum by (operator_id, state) ({M}sessions_total{{{OPERATOR}}}) > 0",
            "{{operator_id}} {{state}}",
        ),
        Panel(
            "Something is wrong (1)",
            (
                *(
                    (f"max by (operator_id) ({M}{name}{{{OPERATOR}}})", f"{{{{operator_id}}}} {shown}")
                    for name, shown in (
                        ("operator_paused", "paused"),
                        ("failover_active", "carried by its backup"),
                        ("profile_problem", "profile not followed"),
                        ("rules_not_followed", "rules not followed"),
                        ("tps_local_share", "Redis away"),
                    )
                ),
                (
                    f"1 - max by (operator_id) ({M}operator_wanted{{{OPERATOR}}})",
                    "{{operator_id}} drained or unbound",
                ),
            ),
        ),
        Panel(
            "Link troubles",
            (
                (rate(f"{M}reconnect_attempts_total"), "{{operator_id}} binds tried"),
                (rate(f"{M}enquire_link_timeout_total"), "{{operator_id}} silent"),
                (rate(f"{M}protocol_faults_total"), "{{operator_id}} protocol"),
                (rate(f"{M}credentials_failures_total", "operator_id, kind"), "{{operator_id}} credentials {{kind}}"),
                (rate(f"{M}failovers_total", "operator_id, direction"), "{{operator_id}} failover {{direction}}"),
            ),
            "ops",
        ),
        line(
            "Certificates end in",
            f"min by (operator_id, certificate) ({M}tls_expires_timestamp_seconds{{{OPERATOR}}}) - time()",
            "{{operator_id}} {{certificate}}",
            unit="s",
        ),
        rises("Octets sent", f"{M}pdu_bytes_sent_total", unit="Bps"),
        rises("Octets received", f"{M}pdu_bytes_received_total", unit="Bps"),
        rises("Parts of long messages", f"{M}long_message_segments_total", "operator_id, strategy"),
        rises("Characters replaced", f"{M}transliterated_characters_total"),
    ),
)

GATEWAY: Final = Dashboard(
    "smpp-gateway",
    "SMPP connector: gateway",
    (
        line("Lease held", f"{M}gateway_lease_held", "{{instance}}"),
        line("NATS reached", f'{M}nats_connected{{job="smpp-gateway"}}', "{{instance}}"),
        line(
            "Running for",
            f'time() - {M}started_timestamp_seconds{{job="smpp-gateway"}}',
            "{{instance}}",
            unit="s",
        ),
        line(
            "Bind slots", rate(f"{M}lease_changes_total", "instance, change"), "{{instance}} {{change}}", unit="ops"
        ),
        level("PDUs that wait for window or rate", f"{M}gateway_queued"),
        level("Submits without an answer", f"{M}window_used", by="instance"),
        rises("PDUs given back unsent", f"{M}submit_sm_not_sent_total"),
        rises("Submits whose fate is unknown", f"{M}submit_sm_unanswered_total"),
        rises("Answers after the request was given up", f"{M}submit_sm_late_response_total"),
        rises("PDUs handed over twice and written once", f"{M}submit_sm_repeats_total"),
        rises("Windows made smaller", f"{M}window_narrowed_total"),
        rises("Receipts stored", f"{M}receipts_taken_total"),
        rises("Receipts answered with a temporary error", f"{M}receipts_failed_total"),
        rises("Messages of subscribers", f"{M}mo_received_total"),
        line(
            "Health not published",
            f"sum by (instance) (rate({M}health_publish_failed_total[$__rate_interval]))",
            "{{instance}}",
            unit="ops",
        ),
        level("Traces of live PDUs", f"{M}traces"),
    ),
)
