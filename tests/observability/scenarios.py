"""All scenarios, in the order in which they are recorded."""

from __future__ import annotations

from tests.observability import faults_links, faults_operators, faults_servers, faults_state, faults_tls, healthy

ALL = (
    *healthy.SCENARIOS,
    *faults_operators.SCENARIOS,
    *faults_links.SCENARIOS,
    *faults_servers.SCENARIOS,
    *faults_state.SCENARIOS,
    *faults_tls.SCENARIOS,
)
