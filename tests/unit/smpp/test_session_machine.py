"""Two sessions joined by a network that cuts, delays and breaks off: what must hold whatever happens.

* Every request sent ends in exactly one of Answered, RequestExpired, RequestLost; a LateResponse only after expiry.
* No window is ever exceeded, on either side, nor what is open of it, which is at least 1.
* Sequence numbers in flight are unique and within 1..0x7FFFFFFF.
* No session raises for what comes from its peer.
"""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ghasi.smpp import events as ev
from ghasi.smpp.codec import HEADER, encode_pdu
from ghasi.smpp.errors import LocalProtocolError, StateError, WindowFull
from ghasi.smpp.pdu import BindTransceiver, DeliverSm, EnquireLink, QuerySm, SubmitSm
from ghasi.smpp.session import Role, Session, SessionConfig

WINDOW = 4
NOISE = st.sampled_from([4, 5, 0x15, 0x80000004, 99])
START = st.sampled_from([1, 0x7FFFFFFD])


class End:
    """One session, what is on its way to the other end, and the fate of everything it sent."""

    def __init__(self, role: Role, first: int, now: float) -> None:
        self.session = Session(
            SessionConfig(
                role=role,
                window_size=WINDOW,
                response_timeout=20.0,
                first_sequence_number=first,
                inactivity_timeout=None,
                queue_full=(lambda status: status == 0x14) if role is Role.ESME else None,
            ),
            now=now,
        )
        self.wire = bytearray()
        self.sent: dict[str, int] = {}
        self.fates: dict[str, list[str]] = {}
        self.late: Counter[str] = Counter()
        self.waiting: list[Any] = []
        self.closed = 0

    def collect(self) -> None:
        """Take what the session wrote and told."""
        self.wire += self.session.data_to_send()
        for event in self.session.events():
            self._note(event)

    def _note(self, event: ev.Event) -> None:
        assert self.closed == 0, f"{event} after Closed"
        if isinstance(event, ev.Answered | ev.RequestExpired | ev.RequestLost):
            assert self.sent[event.context] == event.sequence_number
            self.fates.setdefault(event.context, []).append(type(event).__name__)
        elif isinstance(event, ev.LateResponse):
            assert self.fates[event.context] == ["RequestExpired"]
            self.late[event.context] += 1
        elif isinstance(event, ev.RequestReceived | ev.BindRequested):
            self.waiting.append(event.request)
        elif isinstance(event, ev.Closed):
            self.closed += 1

    def in_flight(self) -> list[int]:
        return [number for name, number in self.sent.items() if name not in self.fates]


class Joined(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.count = 0
        self.cut = False

    @initialize(first=START, second=START, bound=st.sampled_from([True, True, True, False]))
    def connect(self, first: int, second: int, bound: bool) -> None:
        self.ends = {
            Role.ESME: End(Role.ESME, first, self.now),
            Role.SMSC: End(Role.SMSC, second, self.now),
        }
        self.ends[Role.ESME].session.send(BindTransceiver(system_id="ghasi"), now=self.now)
        self._collect()
        if bound:
            self.deliver_all()
            self.respond(Role.SMSC, 0, 0)
            self.deliver_all()
            assert all(end.session.is_bound for end in self.ends.values())

    def _collect(self) -> None:
        for end in self.ends.values():
            end.collect()

    def _name(self) -> str:
        self.count += 1
        return f"request {self.count}"

    @rule(role=st.sampled_from(Role), query=st.booleans())
    def send(self, role: Role, query: bool) -> None:
        end, name = self.ends[role], self._name()
        esme = QuerySm(message_id="x") if query else SubmitSm(short_message=b"hello")
        free = end.session.window_free
        try:
            number = end.session.send(esme if role is Role.ESME else DeliverSm(), now=self.now, context=name)
        except WindowFull:
            assert free == 0
        except StateError:
            assert not end.session.can_submit
        else:
            assert number not in end.in_flight()
            end.sent[name] = number
        self._collect()

    @rule(count=st.integers(1, WINDOW + 1))
    def send_encoded(self, count: int) -> None:
        end = self.ends[Role.ESME]
        names = [self._name() for _ in range(count)]
        free = end.session.window_free
        try:
            numbers = end.session.send_encoded([encode_pdu(SubmitSm())] * count, names, now=self.now)
        except LocalProtocolError:
            assert free < count or not end.session.can_submit
        else:
            end.sent.update(zip(names, numbers, strict=True))
        self._collect()

    @rule(role=st.sampled_from(Role))
    def probe(self, role: Role) -> None:
        end, name = self.ends[role], self._name()
        try:
            end.sent[name] = end.session.send(EnquireLink(), now=self.now, context=name)
        except LocalProtocolError:
            assert not end.session.is_bound or len(end.in_flight()) >= 64
        self._collect()

    @rule(role=st.sampled_from(Role), which=st.integers(0, 100), status=st.sampled_from([0, 0, 0, 0x58, 0x14]))
    def respond(self, role: Role, which: int, status: int) -> None:
        """Answer one of the waiting requests, in any order."""
        end = self.ends[role]
        if not end.waiting:
            return
        request = end.waiting.pop(which % len(end.waiting))
        try:
            end.session.respond(request, now=self.now, command_status=status)
        except StateError:
            assert end.session.closing
        self._collect()

    @precondition(lambda self: not self.cut)
    @rule(role=st.sampled_from(Role), share=st.integers(1, 100))
    def deliver(self, role: Role, share: int) -> None:
        """Some of what one end wrote reaches the other, cut anywhere."""
        wire, other = self.ends[role].wire, self.ends[role.peer].session
        amount = -(-len(wire) * share // 100)
        other.receive_data(bytes(wire[:amount]), now=self.now)
        del wire[:amount]
        self._collect()

    @precondition(lambda self: not self.cut)
    @rule()
    def deliver_all(self) -> None:
        for role in (Role.ESME, Role.SMSC, Role.ESME):
            self.deliver(role, 100)

    @rule(seconds=st.sampled_from([0.1, 1.0, 9.0, 21.0]))
    def wait(self, seconds: float) -> None:
        """Time passes; drivers call at their timers."""
        self.now += seconds
        for end in self.ends.values():
            due = end.session.next_timer()
            if due is not None and due <= self.now:
                end.session.handle_timer(now=self.now)
                following = end.session.next_timer()
                assert following is None or following > self.now
        self._collect()

    @precondition(lambda self: not self.cut)
    @rule(
        role=st.sampled_from(Role),
        octets=st.binary(max_size=30),
        command=st.sampled_from([4, 5, 0x15, 0x80000004, 99]),
    )
    def noise(self, role: Role, octets: bytes, command: int) -> None:
        """A third party's PDU of any content between two whole ones."""
        if self.ends[role.peer].wire or self.ends[role].session.state.name == "BINDING":
            return
        frame = HEADER.pack(16 + len(octets), command, 0, 0x70000000) + octets
        self.ends[role].session.receive_data(frame, now=self.now)
        self._collect()

    @rule(role=st.sampled_from(Role))
    def unbind(self, role: Role) -> None:
        end = self.ends[role]
        try:
            end.session.unbind(now=self.now)
        except StateError:
            assert not end.session.is_bound
        self._collect()

    @precondition(lambda self: self.count > 5)
    @rule()
    def lose_the_connection(self) -> None:
        self.cut = True
        for end in self.ends.values():
            end.session.connection_lost(now=self.now, reason="cut")
            assert end.session.next_timer() is None
        self._collect()

    @invariant()
    def windows_hold(self) -> None:
        for end in getattr(self, "ends", {}).values():
            session = end.session
            assert 0 <= session.window_used <= WINDOW
            assert 1 <= session.window_open <= WINDOW
            assert session.window_free == max(0, session.window_open - session.window_used)
            assert session.window_open == WINDOW or session.config.queue_full is not None

    @invariant()
    def numbers_hold(self) -> None:
        for end in getattr(self, "ends", {}).values():
            flying = end.in_flight()
            assert len(flying) == len(set(flying))
            assert all(1 <= number <= 0x7FFFFFFF for number in end.sent.values())

    @invariant()
    def no_request_ends_twice(self) -> None:
        for end in getattr(self, "ends", {}).values():
            assert all(len(fate) == 1 for fate in end.fates.values())
            assert all(count == 1 for count in end.late.values())

    @invariant()
    def nothing_flies_after_the_end(self) -> None:
        for end in getattr(self, "ends", {}).values():
            if end.session.closing:
                assert end.in_flight() == []

    def teardown(self) -> None:
        """Whatever went before: at the close every request has its fate."""
        for end in getattr(self, "ends", {}).values():
            end.session.connection_lost(now=self.now, reason="over")
            end.collect()
            assert end.closed == 1
            assert {name: len(end.fates.get(name, [])) for name in end.sent} == dict.fromkeys(end.sent, 1)


TestJoined = Joined.TestCase
TestJoined.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_machine_reaches_traffic_both_ways():
    """The rules above do lead to binds, answers, expiries, late answers and losses."""
    machine = Joined()
    machine.connect(1, 0x7FFFFFFD, bound=True)
    machine.send(Role.ESME, False)
    machine.send_encoded(2)
    machine.send(Role.SMSC, False)
    machine.deliver_all()
    machine.respond(Role.SMSC, 0, 0)
    machine.respond(Role.ESME, 0, 0)
    machine.deliver_all()
    machine.wait(21.0)
    machine.respond(Role.SMSC, 0, 0)
    machine.deliver_all()
    machine.send(Role.ESME, True)
    machine.lose_the_connection()
    esme = machine.ends[Role.ESME]
    assert Counter(fate for fates in esme.fates.values() for fate in fates) == {
        "Answered": 1,
        "RequestExpired": 2,
        "RequestLost": 1,
    }
    assert sum(esme.late.values()) == 1
    assert list(machine.ends[Role.SMSC].fates.values()) == [["Answered"]]
    machine.teardown()


def test_a_full_queue_narrows_the_window_of_who_sent_and_good_answers_open_it():
    machine = Joined()
    machine.connect(1, 1, bound=True)
    session = machine.ends[Role.ESME].session
    machine.send_encoded(WINDOW)
    machine.deliver_all()
    machine.wait(0.1)
    for status in (0x14, 0x14, 0, 0):
        machine.respond(Role.SMSC, 0, status)
    machine.deliver_all()
    assert session.window_open == WINDOW // 2
    machine.wait(0.1)
    machine.send_encoded(WINDOW // 2)
    machine.send_encoded(1)
    assert session.window_used == WINDOW // 2
    machine.deliver_all()
    for _ in range(WINDOW // 2):
        machine.respond(Role.SMSC, 0, 0)
    machine.deliver_all()
    assert session.window_open == WINDOW // 2 + 1
