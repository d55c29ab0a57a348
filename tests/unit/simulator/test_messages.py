from ghasi.simulator import messages
from ghasi.simulator.dialects import DIALECTS
from ghasi.simulator.ids import MessageIds
from ghasi.simulator.messages import Message, Messages
from ghasi.simulator.receipts import Address


def message(**changes: object) -> Message:
    given = {
        "ids": MessageIds("a", "10", "10"),
        "system_id": "test",
        "link": 1,
        "source": Address(number="GHASI"),
        "destination": Address(number="93700"),
        "dialect": DIALECTS["standard"],
        "stat": "DELIVRD",
        "err": "000",
        "at": 1_776_508_215.0,
        "due": 100.0,
    }
    return Message(**(given | changes))  # type: ignore[arg-type]


def test_query_before_and_after() -> None:
    one = message()
    assert one.query(now=1_776_508_216.0, mono=99.0) == (1, "", 0)
    assert one.query(now=1_776_508_216.0, mono=101.0) == (2, "260418103015000+", 0)
    assert message(stat="UNDELIV", err="027").query(now=1_776_508_216.0, mono=101.0)[::2] == (5, 27)
    assert message(stat="UNDELIV", err="4A6").query(now=1_776_508_216.0, mono=101.0)[::2] == (5, 0)


def test_receipts_in_local_time() -> None:
    pdu = message(utc_minutes=270).receipt(now=1_776_508_275.0)
    assert b"id:10 " in pdu.short_message  # type: ignore[union-attr]
    assert b"submit date:2604181500 done date:2604181501" in pdu.short_message  # type: ignore[union-attr]


def test_an_intermediate_receipt_has_no_error() -> None:
    pdu = message(stat="UNDELIV", err="027").receipt(now=1_776_508_275.0, stat="ENROUTE", esm_class=0x20)
    assert b"stat:ENROUTE err:000" in pdu.short_message  # type: ignore[union-attr]
    assert pdu.esm_class == 0x20


def test_the_oldest_is_forgotten() -> None:
    kept = Messages()
    for number in range(messages.MOST_KEPT + 1):
        kept.add(str(number), message())
    assert kept.find("0") is None
    assert kept.find("1") is not None
    assert kept.find(str(messages.MOST_KEPT)) is not None


def test_numbers_and_texts_are_not_shown() -> None:
    assert "93700" not in repr(message(text="secret")) + repr(message().facts(now=0.0))
