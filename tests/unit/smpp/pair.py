"""Sessions to test with: bound ones, and what they wrote and told, decoded."""

from collections.abc import Iterable
from typing import Any

from ghasi.smpp.codec import decode_pdu, encode_pdu, frames
from ghasi.smpp.events import Event
from ghasi.smpp.pdu import (
    BindReceiver,
    BindRequest,
    BindTransceiver,
    BindTransmitter,
    Pdu,
    make_response,
)
from ghasi.smpp.session import Role, Session, SessionConfig
from ghasi.smpp.tlv import Tlv

BINDS: dict[str, type[BindRequest]] = {"TX": BindTransmitter, "RX": BindReceiver, "TRX": BindTransceiver}
VERSION = (Tlv(0x210, b"\x34"),)


def sent(session: Session) -> list[Pdu]:
    """What the session has written since the last look."""
    return [decode_pdu(frame) for frame in frames(session.data_to_send())]


def feed(session: Session, *pdus: Pdu | bytes, now: float = 0.0) -> list[Event]:
    """Give the session PDUs (or octets) of its peer and take what it tells."""
    octets = b"".join(pdu if isinstance(pdu, bytes) else encode_pdu(pdu) for pdu in pdus)
    session.receive_data(octets, now=now)
    return session.events()


def bound_esme(mode: str = "TRX", *, now: float = 0.0, **settings: Any) -> Session:
    session = Session(SessionConfig(**settings), now=now)
    session.send(BINDS[mode](system_id="ghasi", password="secret"), now=now)
    (request,) = sent(session)
    feed(session, make_response(request, system_id="smsc", tlvs=VERSION), now=now)
    return session


def bound_smsc(mode: str = "TRX", *, now: float = 0.0, **settings: Any) -> Session:
    session = Session(SessionConfig(role=Role.SMSC, **settings), now=now)
    request = BINDS[mode](system_id="ghasi", sequence_number=1)
    (event,) = feed(session, request, now=now)
    session.respond(event.request, now=now)  # type: ignore[union-attr]
    session.data_to_send()
    return session


def kinds(events: Iterable[Event]) -> list[str]:
    return [type(event).__name__ for event in events]
