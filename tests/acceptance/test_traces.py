"""One message is one trace, over all processes, from the command to its receipt (docs/decisions/0028-traces.md)."""

from __future__ import annotations

import uuid
from pathlib import Path

from ghasi.contracts import subjects
from ghasi.contracts.traceparent import derived, parse
from ghasi.devstack.servers import Servers
from tests.support.collector import Collector, Told
from tests.support.platform import Platform, command
from tests.support.product import Product, operator

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOT_SAMPLED = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
WHOLE = {("smpp-workers", "sms.command"), ("smpp-gateway", "smpp.submit_sm"), ("smpp-workers", "sms.receipt")}


def steps(spans: list[Told]) -> set[tuple[str, str]]:
    return {(span.service, span.name) for span in spans}


async def test_one_trace_from_the_command_to_its_receipt(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    async with Collector() as collector:
        product = Product(servers, tmp_path, [operator()], env=collector.env())
        try:
            await product.start()
            async with await Platform.over(servers.nats_url) as platform:
                operator_id = product.operator_ids[0]
                own = command(operator_id, "+93701230003", "x" * 161)
                given = command(operator_id, "+93701230002", traceparent=GIVEN)
                rubbish = command(operator_id, "+93701230404", traceparent="secret words")
                silent = command(operator_id, "+93701230004", traceparent=NOT_SAMPLED)
                await platform.send([own, given, rubbish, silent])
                for one, parts in ((own, 2), (given, 1), (silent, 1)):
                    await platform.until(
                        lambda one=one, parts=parts: len(platform.final_of(one["messageId"])) == parts
                    )
                await platform.until(lambda: bool(platform.results_of(rubbish["messageId"])))

                trace_id = own["messageId"].replace("-", "")
                await collector.until(lambda: len(collector.of(trace_id)) == 5)
                spans = collector.of(trace_id)
                assert steps(spans) == WHOLE
                (root,) = [span for span in spans if span.name == "sms.command"]
                assert root.parent == ""
                assert {span.parent for span in spans if span is not root} == {root.span_id}
                assert all(root.begin - 1 < span.begin <= span.end for span in spans)
                assert {span.attributes.get("dlr.status") for span in spans} == {None, "DELIVERED"}
                expected = str(derived(uuid.UUID(own["messageId"])))
                assert {event["traceparent"] for event in platform.receipts_of(own["messageId"])} == {expected}

                parent = parse(GIVEN)
                assert parent is not None
                await collector.until(lambda: steps(collector.of(f"{parent.trace_id:032x}")) == WHOLE)
                assert {span.parent for span in collector.of(f"{parent.trace_id:032x}")} == {f"{parent.span_id:016x}"}
                assert [event["traceparent"] for event in platform.final_of(given["messageId"])] == [GIVEN]
                assert [event["traceparent"] for event in platform.final_of(silent["messageId"])] == [NOT_SAMPLED]
                stored = await platform.bus.js.get_last_msg(subjects.SUBMIT_EVENTS, subjects.SUBMIT_RESULT)
                assert parse((stored.headers or {})[subjects.HEADER_TRACEPARENT]) is not None

                refused = rubbish["messageId"].replace("-", "")
                await collector.until(lambda: len(collector.of(refused)) == 2)
                (sent,) = [span for span in collector.of(refused) if span.name == "smpp.submit_sm"]
                assert (sent.attributes["smpp.outcome"], sent.attributes["smpp.command_status"]) == (
                    "rejected",
                    "0x0000000B",
                )
                assert collector.of("5bf92f3577b34da6a3ce929d0e0e4736") == []
        finally:
            product.stop()
    for one in (b"secret words", b"93701230", b"GHASI"):
        assert not any(one in body for body in collector.raw)
