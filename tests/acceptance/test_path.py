"""The whole path: a command on JetStream, a submit_sm at the SMSC, its receipt as an event, every part in the ledger.

Runs on the simulator, and by `make interop` on SMSCs that are not ours.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from nats.js.api import DeliverPolicy

from ghasi.contracts import subjects
from ghasi.sms import gsm7
from tests.support.platform import Platform, command, iso
from tests.support.product import Product

Submits = Callable[..., Awaitable[list[dict[str, Any]]]]
_numbers = iter(range(100_000, 999_999))


def number(suffix: str = "100") -> str:
    """A destination nobody else uses."""
    return f"+937{next(_numbers)}{suffix}"


@sync_to_async
def ledger(message_id: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select segment, attempt, status, dlr_state, operator_message_id, command_status, destination, error_code"
            " from smpp.message_correlations where message_id = %s order by segment, attempt",
            [message_id],
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


async def told(product: Product, platform: Platform, sent: dict[str, Any], finals: int = 1) -> None:
    """Until the result and the last receipts of a command are there, which come over different streams."""
    name = sent["messageId"]
    await platform.until(
        lambda: len(platform.final_of(name)) >= finals and bool(platform.results_of(name)), what=product.tails()
    )


async def test_a_command_goes_out_and_its_receipt_comes_back(
    product: Product, platform: Platform, submits: Submits
) -> None:
    to = number()
    one = command(product.operator_ids[0], to, "Your code is 482913")
    await platform.send([one])
    await told(product, platform, one)
    (submit,) = await submits(to)
    assert bytes.fromhex(submit["short_message"]) == b"Your code is 482913"
    assert (submit["source_addr"], submit["esm_class"], submit["data_coding"]) == ("GHASI", 0, 0)
    (result,) = platform.results_of(one["messageId"])
    assert result["result"] == "ACCEPTED"
    assert result["operatorMessageIds"] == [submit["message_id"]]
    (receipt,) = platform.receipts_of(one["messageId"])
    assert receipt["status"] == "DELIVERED"
    assert receipt["operatorMessageId"] == submit["message_id"]
    assert receipt["operatorId"] == product.operator_ids[0]
    assert receipt["deliveredAt"] is not None
    assert (receipt["segment"], receipt["segments"], receipt["smppErrorCode"]) == (1, 1, "000")
    (row,) = await ledger(one["messageId"])
    assert (row["status"], row["dlr_state"]) == ("DLR_RECEIVED", "DELIVERED")
    assert row["operator_message_id"] == submit["message_id"]
    assert row["destination"] == to.lstrip("+")


@pytest.mark.parametrize(
    ("text", "data_coding", "parts"),
    [
        ("x" * 160, 0, 1),
        ("x" * 161, 0, 2),
        ("€" * 153, 0, 3),
        ("سلام، کد شما ۴۸۲۹۱۳ است", 8, 1),
        ("ستاسو کوډ " * 20, 8, 3),
        ("Doğrulama kodunuz: 482913 ş", 8, 1),
        ("😀" * 40, 8, 2),
        ("long " * 150, 0, 5),
    ],
    ids=["single", "two", "euros", "dari", "pashto", "turkish", "emoji", "five"],
)
async def test_texts_arrive_as_they_were_written(
    product: Product,
    platform: Platform,
    submits: Submits,
    smsc_kind: str,
    text: str,
    data_coding: int,
    parts: int,
) -> None:
    to = number()
    one = command(product.operator_ids[0], to, text)
    await platform.send([one])
    await told(product, platform, one, parts)
    seen = await submits(to, parts)
    assert len(seen) == parts
    bodies = [bytes.fromhex(submit["short_message"]) for submit in seen]
    if smsc_kind == "smpp34":
        # This server tells of submit_sm in the order its tasks ran; that ours leave in order the others show.
        bodies.sort(key=lambda body: body[5])
    assert {submit["data_coding"] for submit in seen} == {data_coding}
    if parts > 1:
        assert all(submit["esm_class"] == 0x40 for submit in seen)
        assert [body[:3] + body[4:6] for body in bodies] == [
            bytes([5, 0, 3, parts, part]) for part in range(1, parts + 1)
        ]
        assert len({body[3] for body in bodies}) == 1
        bodies = [body[6:] for body in bodies]
    whole = b"".join(bodies)
    assert (whole.decode("utf-16-be") if data_coding == 8 else gsm7.decode(whole)) == text
    assert [row["status"] for row in await ledger(one["messageId"])] == ["DLR_RECEIVED"] * parts
    (result,) = platform.results_of(one["messageId"])
    assert result["segments"] == parts


async def test_a_long_text_by_tlv_is_one_pdu(product: Product, platform: Platform, submits: Submits) -> None:
    to = number()
    one = command(product.operator_ids[0], to, "long " * 100, longMessageStrategy="TLV")
    await platform.send([one])
    await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=product.tails())
    (submit,) = await submits(to)
    assert submit["short_message"] == ""
    (payload,) = [value for name, value in submit["tlvs"] if name == "message_payload"]
    assert bytes.fromhex(payload).decode() == "long " * 100


async def test_flash_is_marked_by_its_data_coding(product: Product, platform: Platform, submits: Submits) -> None:
    to = number()
    one = command(product.operator_ids[0], to, "now", messageType="FLASH")
    await platform.send([one])
    await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=product.tails())
    (submit,) = await submits(to)
    assert submit["data_coding"] == 0x10


async def test_an_invalid_number_is_rejected_for_good_and_the_platform_is_told(
    product: Product, platform: Platform, submits: Submits
) -> None:
    to = number("404")
    one = command(product.operator_ids[0], to)
    await platform.send([one])
    await platform.until(
        lambda: bool(
            platform.results_of(one["messageId"]) and platform.receipts_of(one["messageId"]) and platform.dead
        ),
        what=product.tails(),
    )
    (result,) = platform.results_of(one["messageId"])
    assert (result["result"], result["commandStatus"]) == ("REJECTED", "ESME_RINVDSTADR")
    (receipt,) = platform.receipts_of(one["messageId"])
    assert (receipt["status"], receipt["final"]) == ("REJECTED", True)
    assert receipt["operatorMessageId"] == f"none:{one['messageId']}:1"
    assert len(await submits(to)) == 1
    (row,) = await ledger(one["messageId"])
    assert (row["status"], row["command_status"]) == ("REJECTED", 0x0B)
    (subject, headers, body) = platform.dead[-1]
    assert subject == f"smpp.dead.{product.operator_ids[0]}"
    assert headers["Smpp-Reason"] == "rejected:ESME_RINVDSTADR"
    assert json.loads(body)["messageId"] == one["messageId"]


async def test_undelivered_and_intermediate_receipts(product: Product, platform: Platform, submits: Submits) -> None:
    failed, slow = command(product.operator_ids[0], number("027")), command(product.operator_ids[0], number("001"))
    await platform.send([failed, slow])
    await platform.until(
        lambda: bool(platform.final_of(failed["messageId"])) and len(platform.receipts_of(slow["messageId"])) == 2,
        what=product.tails(),
    )
    (receipt,) = platform.receipts_of(failed["messageId"])
    assert (receipt["status"], receipt["smppErrorCode"], receipt["deliveredAt"]) == ("UNDELIVERABLE", "027", None)
    # In which order they are told is not promised (docs/contract.md §3).
    first, last = sorted(platform.receipts_of(slow["messageId"]), key=lambda one: one["final"])
    assert (first["status"], first["stat"], first["final"]) == ("ACCEPTED", "ENROUTE", False)
    assert (last["status"], last["final"]) == ("DELIVERED", True)
    (row,) = await ledger(slow["messageId"])
    assert (row["status"], row["dlr_state"]) == ("DLR_RECEIVED", "DELIVERED")


async def test_what_is_too_late_is_not_sent(product: Product, platform: Platform, submits: Submits) -> None:
    to = number()
    past = iso(datetime.now(UTC) - timedelta(seconds=1))
    one = command(product.operator_ids[0], to, "x" * 200, expiresAt=past)
    await platform.send([one])
    await told(product, platform, one, 2)
    (result,) = platform.results_of(one["messageId"])
    assert (result["result"], result["segments"]) == ("EXPIRED", 2)
    assert {receipt["status"] for receipt in platform.receipts_of(one["messageId"])} == {"EXPIRED"}
    # The SMSC's log is in order: once a later message stands in it, an earlier one would.
    probe = command(product.operator_ids[0], number())
    await platform.send([probe])
    assert len(await submits(probe["to"])) == 1
    assert await submits(to, 0) == []
    assert [row["status"] for row in await ledger(one["messageId"])] == ["EXPIRED", "EXPIRED"]


async def test_a_repeat_is_not_sent_again(product: Product, platform: Platform, submits: Submits) -> None:
    to = number()
    one = command(product.operator_ids[0], to)
    await platform.send([one])
    await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=product.tails())
    # The same event once more, as a redelivery looks like; and another event for the same message.
    await platform.send_raw(one["operatorId"], json.dumps(one).encode())
    await platform.send([one | {"eventId": str(uuid.uuid4())}])
    probe = command(product.operator_ids[0], number())
    await platform.send([probe])
    await platform.until(lambda: bool(platform.final_of(probe["messageId"])), what=product.tails())
    assert len(await submits(probe["to"])) == 1
    assert len(await submits(to)) == 1
    assert len(await ledger(one["messageId"])) == 1


async def test_bad_commands_become_dead_letters_and_hold_nobody_up(
    product: Product, platform: Platform, submits: Submits
) -> None:
    operator_id = product.operator_ids[0]
    good = command(operator_id, number())
    old = iso(datetime.now(UTC) - timedelta(days=40))
    bad: list[tuple[str, bytes]] = [
        ("not_json", b"not json"),
        ("unsupported_version", json.dumps(command(operator_id, version="2.0")).encode()),
        ("malformed", json.dumps({k: v for k, v in command(operator_id).items() if k != "text"}).encode()),
        ("malformed", json.dumps(command(operator_id, messageId="not-a-uuid")).encode()),
        ("bad_text", json.dumps(command(operator_id, text="")).encode()),
        ("too_long", json.dumps(command(operator_id, text="x" * (153 * 299 + 1))).encode()),
        ("operator_mismatch", json.dumps(command(str(uuid.uuid4()))).encode()),
        ("bad_destination", json.dumps(command(operator_id, to="+93abc12345")).encode()),
        ("bad_sender", json.dumps(command(operator_id) | {"from": "x" * 30}).encode()),
        ("bad_text", json.dumps(command(operator_id, text="a\x00b")).encode()),
        ("bad_time", json.dumps(command(operator_id, enqueuedAt=old)).encode()),
        ("too_big", json.dumps(command(operator_id, text="x" * 300 * 1024)).encode()),
        ("too_big", b"{" + b" " * (platform.bus.max_payload - 1)),
    ]
    for _, data in bad:
        await platform.send_raw(operator_id, data)
    await platform.send([good])
    await platform.until(lambda: bool(platform.final_of(good["messageId"])), what=product.tails())
    await platform.until(lambda: len(platform.dead) >= len(bad), what=product.tails())
    by_reason = sorted(headers["Smpp-Reason"] for _, headers, _ in platform.dead)
    assert by_reason == sorted(reason for reason, _ in bad)
    for _, headers, body in platform.dead:
        if headers["Smpp-Reason"] == "too_big":
            assert len(body) == 64 * 1024
            assert int(headers["Smpp-Length"]) > 256 * 1024
            assert len(headers["Smpp-Sha256"]) == 64
        else:
            assert body in [data for _, data in bad]


async def test_an_operator_nobody_is_assigned_to_waits_and_is_shown(product: Product, platform: Platform) -> None:
    stranger = str(uuid.uuid4())
    await platform.send([command(stranger)])
    port = product.worker_ports["dispatch"]
    sample = f'smpp_connector_unassigned_backlog{{operator_id="{stranger}"}} 1.0'
    await product.until_http(f"http://127.0.0.1:{port}/metrics", lambda _, text: sample in text, timeout=90)


async def test_metrics_of_the_contract_are_there_and_move(product: Product, platform: Platform) -> None:
    one = command(product.operator_ids[0], number(), "x" * 200)
    await platform.send([one])
    await platform.until(lambda: len(platform.final_of(one["messageId"])) == 2, what=product.tails())
    gateway = await product.http(product.http_port, "/metrics")
    for name in (
        'smpp_connector_sessions_total{operator_id="%s",state="BOUND"} 1.0',
        'smpp_connector_submit_sm_total{operator_id="%s",status="success"}',
        'smpp_connector_submit_sm_duration_seconds_count{operator_id="%s"}',
        'smpp_connector_tps_current{operator_id="%s"}',
        'smpp_connector_pdu_bytes_sent_total{operator_id="%s"}',
        'smpp_connector_pdu_bytes_received_total{operator_id="%s"}',
    ):
        assert name % product.operator_ids[0] in gateway
    assert "smpp_connector_reconnect_attempts_total" in gateway
    assert "smpp_connector_enquire_link_timeout_total" in gateway
    dispatch = await product.http(product.worker_ports["dispatch"], "/metrics")
    assert (
        'smpp_connector_long_message_segments_total{operator_id="%s",strategy="csms"}' % one["operatorId"] in dispatch
    )
    receipts = await product.http(product.worker_ports["receipts"], "/metrics")
    assert 'smpp_connector_dlr_received_total{operator_id="%s",status="DELIVERED"}' % one["operatorId"] in receipts


async def test_sessions_and_health_say_bound(product: Product, platform: Platform) -> None:
    (session,) = await product.sessions()
    assert session["operatorId"] == product.operator_ids[0]
    assert session["state"] == "BOUND"
    assert session["bindMode"] == "TRANSCEIVER"
    # Repeated every 20 s, so that one that is known already is as good as the next.
    await platform.listen(subjects.OPERATOR_HEALTH, DeliverPolicy.LAST)

    def states() -> list[tuple[str, str]]:
        mine = [one for one in platform.health if one["operatorId"] == session["operatorId"]]
        return [(one["status"], one["previousStatus"]) for one in mine]

    await platform.until(lambda: ("BOUND", "BOUND") in states(), timeout=90)
    assert states()[-1] == ("BOUND", "BOUND")
    assert json.loads(await product.http(product.http_port, "/health")) is not None


async def test_no_number_text_or_password_in_any_log(product: Product, platform: Platform) -> None:
    secret_text, to = "zxq-secret-text-zxq", number()
    one = command(product.operator_ids[0], to, secret_text)
    await platform.send([one])
    await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=product.tails())
    await asyncio.sleep(0)
    for name in ("gateway", "dispatch", "receipts"):
        log = product.children[name].log_file.read_text(encoding="utf-8", errors="replace")
        assert log.strip(), name
        for word in (secret_text, to.lstrip("+"), product.operators[0]["password"]):
            assert word not in log, f"{name} logs what it must not"
