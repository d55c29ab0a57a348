"""What the gateway counts (docs/contract.md §11). Labels are operators, states and fixed words only."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ghasi.contracts.sessions import State

PREFIX = "smpp_connector_"
AWAY, REFUSED = CREDENTIALS_FAILURES = ("away", "refused")
"""Operator management did not answer, and is asked again; it said no, and somebody must change something."""
_DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)


class OperatorMetrics:
    """The children of one operator, resolved once: looking labels up costs more than counting."""

    def __init__(self, owner: Metrics, operator_id: str) -> None:
        def submits(status: str) -> Counter:
            return owner.submit_sm.labels(operator_id, status)

        self.submit_success = submits("success")
        self.submit_error = submits("error")
        self.submit_throttled = submits("throttled")
        self.submit_duration = owner.submit_duration.labels(operator_id)
        self.unanswered = owner.unanswered.labels(operator_id)
        self.late = owner.late.labels(operator_id)
        self.not_sent = owner.not_sent.labels(operator_id)
        self.repeats = owner.repeats.labels(operator_id)
        self.reconnects = owner.reconnects.labels(operator_id)
        self.enquire_timeouts = owner.enquire_timeouts.labels(operator_id)
        self.bytes_sent = owner.bytes_sent.labels(operator_id)
        self.bytes_received = owner.bytes_received.labels(operator_id)
        self.tps_current = owner.tps_current.labels(operator_id)
        self.tps_limit = owner.tps_limit.labels(operator_id)
        self.profile_problem = owner.profile_problem.labels(operator_id)
        for kind in CREDENTIALS_FAILURES:
            owner.credentials_failures.labels(operator_id, kind)
        self.window_used = owner.window_used.labels(operator_id)
        self.window_effective = owner.window_effective.labels(operator_id)
        self.window_narrowed = owner.window_narrowed.labels(operator_id)
        self.queued = owner.queued.labels(operator_id)
        self.mo = owner.mo.labels(operator_id)
        self.receipts_taken = owner.receipts_taken.labels(operator_id)
        self.receipts_failed = owner.receipts_failed.labels(operator_id)
        self.paused = owner.paused.labels(operator_id)
        self.wanted = owner.wanted.labels(operator_id)
        # Until something else is known: 0 would hold back the alert on an operator that is not bound.
        self.wanted.set(1)
        self.protocol_faults = owner.protocol_faults.labels(operator_id)
        self.failover_active = owner.failover_active.labels(operator_id)
        self.failovers_over = owner.failovers.labels(operator_id, "over")
        self.failovers_back = owner.failovers.labels(operator_id, "back")
        self._tls_expires = owner.tls_expires
        self._operator_id = operator_id
        self._sessions = {state: owner.sessions.labels(operator_id, state.value) for state in State}

    def set_tls_expiry(self, certificate: str, at: float) -> None:
        """Only where there is TLS: a series of zeros would look like an alarm."""
        self._tls_expires.labels(self._operator_id, certificate).set(at)

    def set_states(self, states: dict[State, int]) -> None:
        """How many binds of this replica are in each state."""
        for state, gauge in self._sessions.items():
            gauge.set(states.get(state, 0))


class Metrics:
    """All metrics of one gateway process, in a registry of its own so that tests can have several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = self._gauge("sessions_total", "Binds of this replica by state", "state")
        self.submit_sm = self._counter("submit_sm", "submit_sm answered, by outcome", "status")
        self.submit_duration = Histogram(
            PREFIX + "submit_sm_duration_seconds",
            "From the write of a submit_sm to its response",
            ("operator_id",),
            buckets=_DURATIONS,
            registry=self.registry,
        )
        self.tps_current = self._gauge("tps_current", "PDUs written in the last second")
        self.tps_limit = self._gauge("tps_limit", "PDUs a second that the operator allows; 0 while unknown")
        self.profile_problem = self._gauge("profile_problem", "1 while the operator's profile is not followed")
        self.credentials_failures = self._counter(
            "credentials_failures", "Credentials that were not given, by why", "kind"
        )
        self.reconnects = self._counter("reconnect_attempts", "Bind attempts after a failure")
        self.enquire_timeouts = self._counter("enquire_link_timeout", "Links given up for silence")
        self.bytes_sent = self._counter("pdu_bytes_sent", "Octets written to the operator")
        self.bytes_received = self._counter("pdu_bytes_received", "Octets read from the operator")
        self.window_used = self._gauge("window_used", "submit_sm without an answer")
        self.window_effective = self._gauge("window_effective", "submit_sm that may be without an answer now")
        self.window_narrowed = self._counter("window_narrowed", "Windows made smaller because a queue was full")
        self.queued = self._gauge("gateway_queued", "PDUs that wait for window or rate")
        self.unanswered = self._counter("submit_sm_unanswered", "submit_sm whose fate is unknown")
        self.late = self._counter("submit_sm_late_response", "Responses that came after their request was given up")
        self.not_sent = self._counter("submit_sm_not_sent", "PDUs given back unsent")
        self.repeats = self._counter("submit_sm_repeats", "PDUs handed over twice and written once")
        self.mo = self._counter("mo_received", "deliver_sm and data_sm that are no receipts")
        self.receipts_taken = self._counter("receipts_taken", "Receipts stored before their answer")
        self.receipts_failed = self._counter("receipts_failed", "Receipts answered with a temporary error")
        self.paused = self._gauge("operator_paused", "1 while refused credentials wait for a person")
        self.wanted = self._gauge(
            "operator_wanted", "1 while the operator is to be bound, 0 while drained or unbound"
        )
        self.protocol_faults = self._counter("protocol_faults", "PDUs of the operator that broke the protocol")
        self.failover_active = self._gauge("failover_active", "1 while the traffic is the backup's")
        self.failovers = self._counter("failovers", "Changes between an operator and its backup", "direction")
        self.traces = self._gauge("traces", "Traces of live PDUs that run at this replica")
        self.tls_expires = self._gauge(
            "tls_expires_timestamp_seconds", "When a certificate of the link expires", "certificate"
        )
        self.lease_changes = Counter(
            PREFIX + "lease_changes_total",
            "Bind slots taken, given back and lost",
            ("operator_id", "change"),
            registry=self.registry,
        )
        self.leased = Gauge(PREFIX + "gateway_lease_held", "1 while this replica may write", registry=self.registry)
        self.health_failed = Counter(
            PREFIX + "health_publish_failed_total", "operator.health not stored", registry=self.registry
        )

        self.nats_connected = Gauge(PREFIX + "nats_connected", "1 while NATS is reached", registry=self.registry)
        self.started = Gauge(PREFIX + "started_timestamp_seconds", "When this process began", registry=self.registry)
        self.started.set_to_current_time()

    def operator(self, operator_id: str) -> OperatorMetrics:
        return OperatorMetrics(self, operator_id)

    def render(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, ("operator_id", *labels), registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, ("operator_id", *labels), registry=self.registry)
