"""workers.few_codes and workers.refusals: codes of an operator as labels, few enough of them."""

from __future__ import annotations

import uuid

from prometheus_client import REGISTRY

from workers import refusals
from workers.few_codes import OTHER, FewCodes


def test_the_first_codes_of_each_operator_are_named_and_all_others_are_one() -> None:
    codes = FewCodes(most=2)
    assert codes.label("a", 0x58) == ("ESME_RTHROTTLED", True)
    assert codes.label("a", 0x58) == ("ESME_RTHROTTLED", False)
    assert codes.label("a", 0x0455)[1] is True
    assert codes.label("a", 0x0456) == (OTHER, False)
    assert codes.label("b", 0x0456)[1] is True


def test_refusals_are_counted_by_status() -> None:
    operator_id = str(uuid.uuid4())
    for _ in range(2):
        refusals.count(operator_id, 0x0B)
    labels = {"operator_id": operator_id, "command_status": "ESME_RINVDSTADR"}
    assert REGISTRY.get_sample_value("smpp_connector_submit_sm_refused_total", labels) == 2
