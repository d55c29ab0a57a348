"""Hypothesis strategies for PDUs, made from the field tables themselves."""

from typing import Any

from hypothesis import strategies as st

from ghasi.smpp.fields import Counted, CString, FieldType, UInt
from ghasi.smpp.pdu import PDU_CLASSES, DistributionList, Pdu, SmeAddress, UnsuccessSme, field_table
from ghasi.smpp.pdu_multi import Entries
from ghasi.smpp.tlv import Tlv

LATIN1 = st.characters(min_codepoint=1, max_codepoint=0xFF)
ASCII = st.characters(min_codepoint=1, max_codepoint=0x7F)
UINT32 = st.integers(0, 0xFFFFFFFF)
TLVS = st.lists(st.builds(Tlv, st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=4).map(tuple)


def text(kind: CString, alphabet: st.SearchStrategy[str] = LATIN1) -> st.SearchStrategy[str]:
    whole = kind.limit - 1
    if kind.exact:
        return st.just("") | st.text(alphabet, min_size=whole, max_size=whole)
    return st.text(alphabet, max_size=whole)


def field(kind: FieldType, alphabet: st.SearchStrategy[str] = LATIN1) -> st.SearchStrategy[Any]:
    if isinstance(kind, UInt):
        return st.integers(0, 256**kind.size - 1)
    if isinstance(kind, CString):
        return text(kind, alphabet)
    if isinstance(kind, Counted):
        return st.binary(max_size=kind.limit)
    assert isinstance(kind, Entries)
    return st.lists(_destination() if kind.flagged else _failure(), max_size=5).map(tuple)


def _address() -> dict[str, st.SearchStrategy[Any]]:
    octet = st.integers(0, 255)
    return {"dest_addr_ton": octet, "dest_addr_npi": octet, "destination_addr": st.text(LATIN1, max_size=20)}


def _destination() -> st.SearchStrategy[Any]:
    lists = st.builds(DistributionList, dl_name=st.text(LATIN1, max_size=20))
    return st.builds(SmeAddress, **_address()) | lists


def _failure() -> st.SearchStrategy[UnsuccessSme]:
    return st.builds(UnsuccessSme, error_status_code=UINT32, **_address())


def pdus(pdu_class: type[Pdu]) -> st.SearchStrategy[Pdu]:
    """Any PDU of a class that can be sent; header-only error responses come too."""
    fields = {name: field(kind) for name, kind in field_table(pdu_class)}
    return st.builds(pdu_class, sequence_number=UINT32, command_status=UINT32, tlvs=TLVS, **fields)


ANY_CLASS = st.sampled_from(sorted(PDU_CLASSES.values(), key=lambda pdu_class: pdu_class.command_name))
ANY_PDU = ANY_CLASS.flatmap(pdus)
