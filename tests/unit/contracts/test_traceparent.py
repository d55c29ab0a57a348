"""ghasi.contracts.traceparent: W3C Trace Context read strictly, and a trace of a message's own."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts.traceparent import TraceParent, checked, derived, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_header_is_read_and_written_again() -> None:
    text = f"00-{TRACE}-{SPAN}-01"
    parent = parse(text)
    assert parent == TraceParent(int(TRACE, 16), int(SPAN, 16), 1)
    assert (str(parent), checked(text)) == (text, text)
    assert parent.sampled
    assert not TraceParent(1, 1, 0).sampled


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "+93701234567",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\nsecret",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_what_is_none_is_dropped(text: str | None) -> None:
    assert parse(text) is None
    assert checked(text) is None


def test_a_later_version_is_read_as_far_as_this_one_goes() -> None:
    assert parse(f"01-{TRACE}-{SPAN}-01-what-comes") == TraceParent(int(TRACE, 16), int(SPAN, 16), 1)


@given(st.uuids())
def test_a_message_s_own_trace_is_valid_and_always_the_same(message_id: uuid.UUID) -> None:
    own = derived(message_id)
    assert own == derived(uuid.UUID(str(message_id)))
    assert own.trace_id == (message_id.int or 1)
    assert parse(str(own)) == own
    assert own.sampled


def test_a_ratio_is_kept_and_the_same_messages_are_chosen() -> None:
    ids = [uuid.UUID(int=number * 2**90 + number, version=4) for number in range(4000)]
    chosen = {one for one in ids if derived(one, 0.25).sampled}
    assert 800 < len(chosen) < 1200
    assert chosen <= {one for one in ids if derived(one, 0.5).sampled}
    assert not any(derived(one, 0.0).sampled for one in ids)
    assert len({derived(one).span_id for one in ids}) == len(ids)
