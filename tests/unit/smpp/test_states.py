import itertools

import pytest

from ghasi.smpp.constants import RESPONSE_BIT, CommandId
from ghasi.smpp.errors import StateError
from ghasi.smpp.states import (
    BOUND,
    PERMISSIONS,
    TRANSITIONS,
    WINDOWED,
    Role,
    SessionState,
    Step,
    after,
    is_role_allowed,
    may_send,
)

# Who may send what while bound as TX, RX, TRX (SMPP 3.4 §2.3, read from the specification's table).
BOUND_TABLE = {
    "submit_sm": (Role.ESME, "TX TRX"),
    "submit_multi": (Role.ESME, "TX TRX"),
    "query_sm": (Role.ESME, "TX TRX"),
    "cancel_sm": (Role.ESME, "TX TRX"),
    "replace_sm": (Role.ESME, "TX TRX"),
    "deliver_sm": (Role.SMSC, "RX TRX"),
    "alert_notification": (Role.SMSC, "RX TRX"),
    "data_sm": (None, "TX RX TRX"),
    "enquire_link": (None, "TX RX TRX"),
    "unbind": (None, "TX RX TRX"),
}


def test_every_request_has_its_permission():
    assert set(PERMISSIONS) == {command for command in CommandId if not command & RESPONSE_BIT}


@pytest.mark.parametrize("name", BOUND_TABLE)
def test_bound_permissions(name):
    who, modes = BOUND_TABLE[name]
    command = CommandId[name.upper()]
    for role, mode in itertools.product(Role, ("TX", "RX", "TRX")):
        expected = role in (who or role, who) and mode in modes.split()
        assert may_send(role, SessionState[f"BOUND_{mode}"], command) == expected


@pytest.mark.parametrize("name", ["bind_transmitter", "bind_receiver", "bind_transceiver"])
def test_only_an_esme_binds_and_only_once(name):
    command = CommandId[name.upper()]
    for role, state in itertools.product(Role, SessionState):
        assert may_send(role, state, command) == (role is Role.ESME and state is SessionState.OPEN)


def test_only_an_open_smsc_asks_for_a_bind():
    assert may_send(Role.SMSC, SessionState.OPEN, CommandId.OUTBIND)
    assert not may_send(Role.ESME, SessionState.OPEN, CommandId.OUTBIND)
    assert not may_send(Role.SMSC, SessionState.BOUND_TRX, CommandId.OUTBIND)


@pytest.mark.parametrize("state", [SessionState.CLOSED, SessionState.BINDING, SessionState.UNBINDING])
def test_nothing_new_goes_out_between_states_and_at_the_end(state):
    assert not any(may_send(role, state, command) for role in Role for command in CommandId)


def test_unknown_commands_and_responses_are_nobodys():
    assert not may_send(Role.ESME, SessionState.BOUND_TRX, 0x99)
    assert not is_role_allowed(Role.ESME, CommandId.SUBMIT_SM_RESP)


def test_what_counts_in_the_window_has_a_response():
    assert all(command | RESPONSE_BIT in set(CommandId) for command in WINDOWED)
    assert not WINDOWED & {CommandId.ENQUIRE_LINK, CommandId.UNBIND, CommandId.BIND_TRANSCEIVER}


def test_roles_face_each_other():
    assert Role.ESME.peer is Role.SMSC
    assert Role.SMSC.peer is Role.ESME


@pytest.mark.parametrize(
    ("state", "step", "following"),
    [
        ("OPEN", "BIND_BEGUN", "BINDING"),
        ("BINDING", "BOUND_AS_TX", "BOUND_TX"),
        ("BINDING", "BOUND_AS_RX", "BOUND_RX"),
        ("BINDING", "BOUND_AS_TRX", "BOUND_TRX"),
        ("BINDING", "BIND_REFUSED", "OPEN"),
        ("BOUND_TX", "UNBIND_SENT", "UNBINDING"),
        ("BOUND_RX", "UNBIND_SENT", "UNBINDING"),
        ("BOUND_TRX", "UNBIND_SENT", "UNBINDING"),
        ("UNBINDING", "ENDED", "CLOSED"),
        ("OPEN", "ENDED", "CLOSED"),
        ("CLOSED", "ENDED", "CLOSED"),
    ],
)
def test_transitions(state, step, following):
    assert after(SessionState[state], Step[step]) is SessionState[following]


def test_every_other_step_is_refused():
    for state, step in itertools.product(SessionState, Step):
        if (state, step) not in TRANSITIONS:
            with pytest.raises(StateError, match=state.name):
                after(state, step)


def test_every_state_can_be_reached():
    assert {SessionState.OPEN, *TRANSITIONS.values()} == set(SessionState)
    assert len(BOUND) == 3
