"""What the dialect suite plays with each SMSC: binds, receipt dialects, id relations, long modes (docs/interop.md).

A case is one operator. All cases of an SMSC run at once on one gateway; `plan(kind)` lists them, `MISSING` says what
an SMSC that is not ours cannot play, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

KINDS: Final = ("simulator", "smpp34", "node", "perl")


@dataclass(frozen=True)
class Relation:
    """Forms of an id in submit_sm_resp and in receipts (the simulator's words), and the rule `idBase` for it."""

    response: str
    receipt: str
    id_base: str = "text"


RELATIONS: Final = {
    "same": Relation("upperHex", "upperHex"),
    "hexToDecimal": Relation("hex", "decimal", "hex"),
    "decimalToHex": Relation("decimal", "upperHex", "dec"),
    "letterCase": Relation("upperHex", "hex"),
    "zerosLost": Relation("paddedDecimal", "decimal"),
    "zerosGained": Relation("hex", "paddedHex"),
    "zerosBothWays": Relation("paddedHex", "paddedDecimal", "hex"),
    "uuid": Relation("uuid", "upperUuid"),
}
CROSSED_RELATIONS: Final = ("same", "hexToDecimal", "decimalToHex")

DIALECTS: Final = ("standard", "standardTlv", "seconds", "fullYear", "tlvOnly", "ucs2", "messagePayload", "dataSm")
"""Rows of ghasi/simulator/dialects.py."""
PLAIN_DIALECTS: Final = ("standard", "tlvOnly")
"""With which the relations that are not crossed with everything are played."""

BINDS: Final = ("trx", "fallback", "pair")
"""A transceiver; one that is refused, so that a transmitter and a receiver follow; those two because `bindMode` says
so."""

LONG_MODES: Final[dict[str, dict[str, Any]]] = {
    "udh8": {"referenceBits": 8},
    "udh16": {"referenceBits": 16},
    "sar": {"longMode": "sar"},
}
"""Rules for commands with `longMessageStrategy` CSMS; with TLV every case sends `message_payload`."""
ZONES: Final = {"UTC": 0, "Asia/Kabul": 270}
"""Rule `dlrZone`, and the minutes that the SMSC's dates are ahead of UTC."""

MISSING: Final[dict[str, dict[str, str]]] = {
    "smpp34": {
        "fallback": "the package answers binds itself and takes every mode",
        "dataSm": "its server can send `deliver_sm` only",
    },
}
"""By SMSC: the bind or dialect that it cannot play, and why."""

DEAF: Final = {("smpp34", "pair")}
"""SMSC and bind where the SMSC takes no answer to its receipts (docs/interop.md, "What they do differently")."""


@dataclass(frozen=True)
class Case:
    """One operator: how it is bound, and in which dialect it speaks."""

    bind: str
    dialect: str
    relation: str
    long: str
    zone: str

    @property
    def name(self) -> str:
        return "-".join((self.bind, self.dialect, self.relation, self.long, self.zone.rpartition("/")[2]))

    @property
    def ids(self) -> Relation:
        return RELATIONS[self.relation]

    @property
    def rules(self) -> dict[str, Any]:
        """What operator management says of it (docs/contract.md §6)."""
        return {"idBase": self.ids.id_base, "dlrZone": self.zone, **LONG_MODES[self.long]}

    @property
    def bind_mode(self) -> str:
        return "TRANSMITTER" if self.bind == "pair" else "TRANSCEIVER"

    @property
    def bound_as(self) -> str:
        """The session's `bindMode` once it is bound."""
        return "TRANSCEIVER" if self.bind == "trx" else "TRANSMITTER+RECEIVER"


def plan(kind: str) -> list[Case]:
    """The cases that an SMSC of this kind can play.

    Every dialect with every crossed relation, over a transceiver and over a pair; the other relations with two
    dialects; and the way to a pair that the rest does not take. Long modes and zones go round, so that each of them
    meets each bind, dialect and relation (tests/interop/test_cases.py).
    """
    missing = MISSING.get(kind, {})
    dialects = [dialect for dialect in DIALECTS if dialect not in missing]
    to_pair = [bind for bind in ("fallback", "pair") if bind not in missing]
    wanted = list(product(("trx", to_pair[0]), dialects, CROSSED_RELATIONS))
    others = [relation for relation in RELATIONS if relation not in CROSSED_RELATIONS]
    wanted += product(("trx", to_pair[0]), PLAIN_DIALECTS, others)
    wanted += product(to_pair[1:], PLAIN_DIALECTS, CROSSED_RELATIONS)
    return [_case(*one) for one in wanted]


def _case(bind: str, dialect: str, relation: str) -> Case:
    turn = int(bind != "trx") + DIALECTS.index(dialect) + list(RELATIONS).index(relation)
    longs, zones = list(LONG_MODES), list(ZONES)
    return Case(bind, dialect, relation, longs[turn % len(longs)], zones[turn % len(zones)])
