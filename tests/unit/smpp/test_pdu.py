"""The PDU classes as such: names, ids, defaults, what their repr keeps to itself."""

import pytest
from hypothesis import given

from ghasi.smpp import pdu
from ghasi.smpp.constants import CommandId
from ghasi.smpp.tlv import Tlv
from tests.unit.smpp.strategies import ANY_PDU


def test_there_is_a_class_for_every_command():
    assert set(pdu.PDU_CLASSES) == set(CommandId)


@pytest.mark.parametrize("pdu_class", pdu.PDU_CLASSES.values(), ids=lambda pdu_class: pdu_class.command_name)
def test_names_and_direction(pdu_class):
    assert pdu_class.__name__ == pdu_class.command_name.title().replace("_", "")
    assert pdu_class.command_name == CommandId(pdu_class.command_id).name.lower()
    assert pdu_class.is_response == (pdu_class.command_id >= 0x80000000)
    assert getattr(pdu, pdu_class.__name__) is pdu_class


def test_pdus_are_values():
    one, other = pdu.SubmitSm(source_addr="A"), pdu.SubmitSm(source_addr="A")
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(AttributeError):
        one.source_addr = "B"  # type: ignore[misc]


def test_a_bind_speaks_3_4_unless_told():
    assert pdu.BindTransceiver().interface_version == 0x34


@pytest.mark.parametrize(("tlvs", "version"), [((), None), ((Tlv(0x210, b"\x34"),), 0x34), ((Tlv(0x210),), None)])
def test_the_version_of_an_smsc(tlvs, version):
    assert pdu.BindTransceiverResp(tlvs=tlvs).sc_interface_version == version


SECRETS = [
    pdu.BindTransceiver(password="s3cret"),
    pdu.Outbind(password="s3cret"),
    pdu.SubmitSm(source_addr="s3cret"),
    pdu.SubmitSm(destination_addr="s3cret"),
    pdu.SubmitSm(short_message=b"s3cret"),
    pdu.DeliverSm(short_message=b"s3cret"),
    pdu.DataSm(destination_addr="s3cret"),
    pdu.AlertNotification(esme_addr="s3cret"),
    pdu.SubmitMulti(dest_address=(pdu.SmeAddress(destination_addr="s3cret"),)),
    pdu.SubmitMulti(dest_address=(pdu.DistributionList(dl_name="s3cret"),)),
    pdu.SubmitMultiResp(unsuccess_sme=(pdu.UnsuccessSme(destination_addr="s3cret"),)),
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda value: value.command_name)
def test_repr_keeps_secrets(secret):
    assert "s3cret" not in repr(secret)
    assert "<hidden>" in repr(secret)


@pytest.mark.parametrize(
    "entry",
    [
        pdu.SmeAddress(destination_addr="s3cret"),
        pdu.DistributionList(dl_name="s3cret"),
        pdu.UnsuccessSme(destination_addr="s3cret", error_status_code=11),
    ],
)
def test_repr_of_entries_keeps_secrets(entry):
    assert "s3cret" not in repr(entry)


def test_repr_shows_what_helps():
    shown = repr(pdu.SubmitSmResp(sequence_number=7, command_status=0x58, message_id="abc"))
    assert shown == "SubmitSmResp(sequence_number=7, command_status=0x00000058, message_id='abc')"


@given(ANY_PDU)
def test_repr_never_fails(any_pdu):
    assert type(any_pdu).__name__ in repr(any_pdu)
