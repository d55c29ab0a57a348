import pytest

from ghasi.smpp import errors


@pytest.mark.parametrize("kind", [errors.FieldError, errors.StateError, errors.WindowFull])
def test_our_own_faults_are_local(kind):
    assert issubclass(kind, errors.LocalProtocolError)
    assert not issubclass(kind, errors.RemoteProtocolError)


@pytest.mark.parametrize(
    "kind", [errors.FramingError, errors.StateViolation, errors.DecodeError, errors.UnknownCommand]
)
def test_the_peers_faults_are_remote(kind):
    assert issubclass(kind, errors.RemoteProtocolError)
    assert not issubclass(kind, errors.LocalProtocolError)


def test_an_unknown_command_is_a_decode_error():
    assert issubclass(errors.UnknownCommand, errors.DecodeError)


def test_a_field_error_names_the_field():
    error = errors.FieldError("password", "is longer than 8 octets")
    assert (error.field, str(error)) == ("password", "password: is longer than 8 octets")


def test_a_decode_error_says_what_to_answer():
    error = errors.DecodeError(5, 7, 0xC0, "a TLV is longer than the PDU")
    assert (error.command_id, error.sequence_number, error.status_to_answer) == (5, 7, 0xC0)
    assert "0x00000005" in str(error)
