"""From a case to an SMSC that plays it: the account of an SMSC that is not ours (tests/interop/peers/rules.md), or
the operator of a scenario (docs/simulator.md)."""

from __future__ import annotations

from typing import Any

from ghasi.simulator.dialects import DIALECTS, Dialect
from ghasi.simulator.receipts import STATES
from ghasi.smpp.constants import CommandStatus
from tests.interop.cases import ZONES, Case, Relation
from tests.support.product import operator

DELAY = 0.2
DIGITS = 10
"""Of padded ids."""
ESM_INTERMEDIATE = 0x20
"""esm_class of an intermediate notification (SMPP 3.4 §5.2.12)."""
FIRST_ID = 0x1A_C0FE
"""Where ids begin: hexadecimal forms have letters, padded ones have zeros."""


def account(
    password: str,
    *,
    dialect: str = "standard",
    ids: Relation | None = None,
    refuse: tuple[str, ...] = (),
    zone: str = "UTC",
    early_class: int = 0x04,
    outbind: bool = False,
) -> dict[str, Any]:
    """One account of the accounts file, in a dialect of the simulator's table. `early_class` is the esm_class of a
    receipt that is not the final one; `outbind` sends one over each session once it is bound."""
    form = DIALECTS[dialect]
    ids = ids or Relation("upperHex", "upperHex")
    return {
        "password": password,
        "refuse": refuse,
        "outbind": outbind,
        "response": ids.response,
        "receipt": ids.receipt,
        "start": FIRST_ID,
        "delay": DELAY,
        "utcMinutes": ZONES[zone],
        "submit": form.submit,
        "done": form.done,
        "carrier": form.carrier,
        "dataCoding": 8 if form.ucs2 else 0,
        "tlvs": form.tlvs,
        "endings": {
            "404": {"status": int(CommandStatus.ESME_RINVDSTADR)},
            "027": {"receipts": [_receipt(form, "UNDELIV", "027")]},
            "001": {"receipts": [_receipt(form, "ENROUTE") | {"esmClass": early_class}, _receipt(form, "DELIVRD")]},
            "": {"receipts": [_receipt(form, "DELIVRD")]},
        },
    }


def account_of(case: Case, password: str) -> dict[str, Any]:
    """The account of a case."""
    refuse = ("TRX",) if case.bind == "fallback" else ()
    return account(
        password,
        dialect=case.dialect,
        ids=case.ids,
        refuse=refuse,
        zone=case.zone,
        early_class=ESM_INTERMEDIATE,
        outbind=is_greeted(case),
    )


def is_greeted(case: Case) -> bool:
    """Whether an SMSC that is not ours sends an outbind over its sessions: with these everything else goes on as
    without."""
    return (case.bind, case.dialect) == ("trx", "standard")


def _receipt(form: Dialect, stat: str, err: str = "000") -> dict[str, Any]:
    """With `{id}`, `{submit}` and `{done}` left to fill in. Dialects of the plan quote no text, and write err in one
    of two ways."""
    sub, delivered, not_delivered = form.counters
    text = form.template.format(
        id="{id}",
        submit="{submit}",
        done="{done}",
        sub=sub,
        dlvrd=delivered if stat == "DELIVRD" else not_delivered,
        stat=form.words.get(stat, stat),
        err={"as given": err, "number": str(int(err))}[form.err],
        text="",
    )
    return {"text": text, "state": STATES[stat], "error": int(err), "esmClass": form.esm_class}


def operator_of(case: Case, number: int, password: str, *, port: int | None) -> dict[str, Any]:
    """The operator of a case in a scenario: for the simulator; with a `port` for operator management alone, where
    all cases share one SMSC."""
    told = {"rules": case.rules} if port is None else {"rules": case.rules, "port": port}
    return operator(
        name=case.name,
        systemId=f"case{number:03}",
        password=password,
        bindMode=case.bind_mode,
        accepts=["TX", "RX"] if case.bind == "fallback" else ["TRX", "TX", "RX"],
        ids={"response": case.ids.response, "receipt": case.ids.receipt, "digits": DIGITS, "start": FIRST_ID},
        receipts={"delay": DELAY, "dialect": case.dialect, "utcOffset": _offset(ZONES[case.zone])},
        management={"override": told},
    )


def _offset(minutes: int) -> str:
    return f"+{minutes // 60:02}:{minutes % 60:02}"
