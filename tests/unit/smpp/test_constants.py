from smpplib import command_codes, consts

from ghasi.smpp.constants import (
    STATUS_DESCRIPTIONS,
    CommandId,
    CommandStatus,
    MessageState,
    Npi,
    Ton,
    command_name,
    status_name,
)


def test_command_ids_are_those_of_smpplib():
    ours = {command.name.lower(): int(command) for command in CommandId}
    assert ours == command_codes.commands


def test_statuses_are_those_of_smpplib():
    theirs = {
        name.removeprefix("SMPP_"): value for name, value in vars(consts).items() if name.startswith("SMPP_ESME_")
    }
    assert {status.name: int(status) for status in CommandStatus} == theirs


def test_address_types_and_states_agree_with_smpplib():
    assert {int(ton) for ton in Ton} == {v for n, v in vars(consts).items() if n.startswith("SMPP_TON_")}
    assert {int(npi) for npi in Npi} == {v for n, v in vars(consts).items() if n.startswith("SMPP_NPI_")}
    theirs = {v: n for n, v in vars(consts).items() if n.startswith("SMPP_MESSAGE_STATE_")}
    for value, name in theirs.items():
        assert MessageState(value).name == name.removeprefix("SMPP_MESSAGE_STATE_")


def test_status_names():
    assert status_name(0) == "ESME_ROK"
    assert status_name(0x0B) == "ESME_RINVDSTADR"
    assert status_name(0x104) == "ESME_RINVDCS"
    assert status_name(0x404) == "0x00000404"


def test_every_status_of_3_4_is_described():
    assert all(STATUS_DESCRIPTIONS[status] for status in CommandStatus)
    assert "Not Set" not in STATUS_DESCRIPTIONS[CommandStatus.ESME_RINVREGDLVFLG]


def test_command_names():
    assert command_name(0x80000004) == "submit_sm_resp"
    assert command_name(0x99) == "0x00000099"
