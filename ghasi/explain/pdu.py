"""A PDU field by field, in the order of the wire: place, octets, value, meaning, and what is wrong with it."""

from __future__ import annotations

from ghasi.explain.by_profile import profile_warnings
from ghasi.explain.checks import pdu_warnings
from ghasi.explain.dialect import PLAIN, Dialect
from ghasi.explain.fields import field_said, field_shown
from ghasi.explain.lines import Line, Mark, head, hex_of, warning
from ghasi.explain.statuses import status_said
from ghasi.explain.texts import Body, body_lines
from ghasi.explain.tlvs import tlv_said
from ghasi.explain.words import Said
from ghasi.smpp import constants as c
from ghasi.smpp.layout import Layout, Span, SpanKind, lay_out
from ghasi.smpp.tlv import TAGS, Tag, Tlv


def explain_pdu(frame: bytes, dialect: Dialect = PLAIN) -> list[Line]:
    """Lines on every octet of `frame`, as far as it can be read. Never raises."""
    layout = lay_out(frame)
    name = c.command_name(layout.value("command_id", 0))
    lines = [head(f"{name}, {len(frame)} octets")]
    for span in layout.spans:
        lines += _span_lines(span, frame[span.start : span.end], layout, dialect)
    if layout.trouble:
        lines.append(warning(f"cannot be read further: {layout.trouble}"))
    lines += [warning(text) for text in pdu_warnings(layout, frame)]
    if dialect.profile is not None:
        lines += [warning(text) for text in profile_warnings(layout, dialect.profile)]
    return lines


def _span_lines(span: Span, octets: bytes, layout: Layout, dialect: Dialect) -> list[Line]:
    shown, said = _said(span, layout, dialect)
    where = f"{span.start}" if span.end - span.start <= 1 else f"{span.start}-{span.end - 1}"
    name = _name(span, dialect)
    depth = 1 if span.entry else 0
    lines = [Line(Mark.FIELD, name, shown, said.meaning, where, hex_of(octets), depth)]
    lines += [warning(text, depth) for text in said.warnings]
    carried = _user_data(span)
    if carried:
        lines += body_lines(body_of(layout, carried, dialect, is_payload=span.kind is SpanKind.TLV), 1)
    return lines


def _name(span: Span, dialect: Dialect) -> str:
    if span.kind is not SpanKind.TLV:
        return span.name or "unread"
    if span.value.tag in TAGS:
        return f"TLV {span.name}"
    known = dialect.tlvs.get(span.value.tag)
    return f"TLV 0x{span.value.tag:04X}" + (f" {known.name}" if known else "")


def _said(span: Span, layout: Layout, dialect: Dialect) -> tuple[str, Said]:
    if span.name == "command_status":
        return status_said(layout.value("command_id", 0), span.value, dialect.status(span.value))
    if span.kind is SpanKind.TLV:
        return tlv_said(span.value, dialect.tlvs.get(span.value.tag))
    if span.kind is SpanKind.REST:
        return f"{len(span.value)} octets", Said()
    if span.kind is SpanKind.OCTETS:
        return f"{len(span.value)} octets", Said()
    return field_shown(span), field_said(span, layout, dialect.alphabet)


def _user_data(span: Span) -> bytes:
    if span.kind is SpanKind.OCTETS:
        return bytes(span.value)
    if span.kind is SpanKind.TLV and isinstance(span.value, Tlv) and span.value.tag == Tag.MESSAGE_PAYLOAD:
        return span.value.value
    return b""


def body_of(layout: Layout, octets: bytes, dialect: Dialect, *, is_payload: bool = False) -> Body:
    """User data of a laid out PDU."""
    esm_class = layout.value("esm_class", 0)
    command_id = layout.value("command_id", 0)
    from_smsc = command_id in (c.CommandId.DELIVER_SM, c.CommandId.DATA_SM)
    is_receipt = from_smsc and bool(esm_class & (c.ESM_RECEIPT | c.ESM_INTERMEDIATE))
    return Body(
        octets,
        layout.value("data_coding", 0),
        esm_class,
        dialect.alphabet,
        is_receipt,
        is_payload,
        dialect.packed and not is_receipt,
        dialect.receipts.decode,
    )
