"""Records in the key-value buckets: live sessions, replicas, slots, wanted state (docs/contract.md §1, §7).

JSON with camelCase names, because people read them with the `nats` tool.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ghasi.contracts.rules import Addresses, ReceiptForm, TlvToRead, TlvToSend, Validity
from ghasi.contracts.statuses import StatusOverride
from ghasi.contracts.trace import TraceOrder


class State(StrEnum):
    """The states of docs/contract.md §7."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    BOUND = "BOUND"
    UNBOUND = "UNBOUND"
    FAILBACK = "FAILBACK"


class Wanted(StrEnum):
    """What the staff wants of an operator; lasts until somebody wants something else."""

    BOUND = "bound"
    DRAINED = "drained"
    UNBOUND = "unbound"
    PAUSED = "paused"


class InDoubtPolicy(StrEnum):
    """What happens to a part in doubt when nothing proved its fate in time (docs/architecture.md)."""

    RESEND = "resend"
    HOLD = "hold"
    FAIL = "fail"


class SendRules(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the workers need to know of an operator to build its PDUs and to read its receipts: its profile as the
    gateway resolved it (docs/profiles.md). Plain SMPP 3.4 by default.

    Some fields hold maps, so that rules have no hash: what is kept by rules is kept by `workers.by_rules`.
    """

    alphabet: str = "gsm7"
    """Behind data_coding 0: gsm7 | latin1 | ascii."""
    strict: bool = False
    reference_bits: int = 8
    long_mode: str = "udh"
    """For longMessageStrategy CSMS: udh | sar | payload."""
    flash: str = "dcs"
    """dcs (0x10/0x18) | f0 | subunit."""
    registered_delivery: int = 1
    esm_class_base: int = 0
    service_type: str = ""
    user_message_reference: bool = False
    """Each part carries that TLV, by which a receipt can prove a part in doubt."""
    id_base: str = "text"
    """Relation of response ids to receipt ids: text | hex | dec (base of the ids in responses)."""
    in_doubt_policy: InDoubtPolicy = InDoubtPolicy.RESEND
    in_doubt_wait: float = 60.0
    dlr_zone: str = "UTC"
    unknown_is_final: bool = False
    packed: bool = False
    allowed_data_codings: tuple[int, ...] | None = None
    locking_shift: tuple[str, ...] = ()
    single_shift: tuple[str, ...] = ()
    transliteration: str = "off"
    """off | punctuation | letters | greek."""
    data_coding_fallback: bool = False
    whole_clusters: bool = True
    long_mode_tlv: str = "payload"
    """For longMessageStrategy TLV, the same words as `long_mode`."""
    max_parts: int = 255
    more_messages_to_send: bool = False
    protocol_id: int = 0
    priority: int = 0
    validity: Validity = Validity()
    addresses: Addresses = Addresses()
    tlvs: tuple[TlvToSend, ...] = ()
    tlvs_read: tuple[TlvToRead, ...] = ()
    """Optional parameters of receipts that events carry, and of PDUs that are shown, under these names."""
    receipts: ReceiptForm = ReceiptForm()
    statuses: tuple[StatusOverride, ...] = ()
    """What this operator's command_status mean, where that differs from the table (`ghasi.contracts.statuses`)."""


class SessionRecord(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One operator at one gateway replica; times are Unix seconds."""

    operator_id: str
    replica: str
    epoch: str
    state: State
    operator_name: str = ""
    bind_mode: str = ""
    host: str = ""
    port: int = 0
    is_primary: bool = True
    binds: int = 0
    max_binds: int = 1
    window_size: int = 10
    window_used: int = 0
    tps_limit: int = 0
    tps_current: int = 0
    reconnect_attempts: int = 0
    next_reconnect_at: float | None = None
    last_bound_at: float | None = None
    last_unbound_at: float | None = None
    backup_operator_id: str | None = None
    reason: str | None = None
    updated_at: float = 0.0
    rules: SendRules = msgspec.field(default_factory=SendRules)
    carried_by: str | None = None
    """The operator whose binds carry this one's traffic now; None: its own."""
    failover_term: int = 0
    """Counts the changes of `carried_by`: of several replicas' words the highest counts."""
    own_state: State | None = None
    """The state of its own binds, where a failover makes `state` another."""
    profile: str = ""
    """The profile that `rules` follow: `own`, `live:NAME`, `preset:NAME`."""
    profile_problem: str | None = None
    """Why that is not the profile that was asked for."""
    needs_rebind: tuple[str, ...] = ()
    """What has changed since the binds were made and reaches the operator with the next one only."""
    tps_effective: int = 0
    """PDUs a second that are sent at most while the operator throttles; 0: `tps_limit`."""
    window_effective: int = 0
    """Unanswered requests that all binds together take, while the operator's queue is full for more; 0: `window_size`
    each."""
    heard_at: float | None = None
    """When the operator last said anything, on the connection that is silent longest; None without binds."""

    @property
    def can_send(self) -> bool:
        """Whether its own binds take messages, whoever carries its traffic."""
        return (self.own_state or self.state) is State.BOUND


class ReplicaRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A living gateway replica; its key vanishes when it stops renewing."""

    replica: str
    epoch: str
    started_at: float
    operator_ids: list[str]
    version: str = ""
    """Its release; empty where it is older than this field."""


class SlotRecord(msgspec.Struct, frozen=True, rename="camel"):
    """Who holds one bind slot of an operator; the key's revision is the fencing number."""

    replica: str
    epoch: str
    since: float


class WantedRecord(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Wanted state of an operator: what, who, why, when."""

    wanted: Wanted
    by: str = ""
    reason: str = ""
    at: float = 0.0


class ControlRequest(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Request on `smpp.control.{operatorId}`: bind | unbind | drain | rebind | sessions | trace."""

    action: str
    by: str = ""
    reason: str = ""
    trace: TraceOrder | None = None
    """With `trace` only."""


class ControlAnswer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One replica's answer to a control request."""

    replica: str
    ok: bool
    detail: str = ""
    sessions: list[SessionRecord] = msgspec.field(default_factory=list)
