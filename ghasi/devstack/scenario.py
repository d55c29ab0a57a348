"""The simulated operators of a stack: a scenario file of the simulator with its ports settled."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ghasi.devstack.errors import DevstackError
from ghasi.devstack.paths import CHECKOUT
from ghasi.devstack.ports import free_port, release

DEMO = CHECKOUT / "ghasi" / "simulator" / "examples" / "demo.yaml"


@dataclass(frozen=True, slots=True)
class SimulatedOperator:
    """What a stack needs to know of one operator."""

    id: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A scenario with every port chosen, written to `file` for the simulator and the stand-in to read."""

    file: Path
    operators: tuple[SimulatedOperator, ...]
    management_port: int
    token: str = field(repr=False)

    def release(self) -> None:
        """Give the ports back."""
        for port in (self.management_port, *(operator.port for operator in self.operators)):
            release(port)

    @property
    def management_url(self) -> str:
        """OPERATOR_MGMT_URL of docs/contract.md §12."""
        return f"http://127.0.0.1:{self.management_port}"


def settle(scenario: Path, target: Path) -> Settled:
    """Read a scenario, choose the ports it leaves open and a token, and write it to `target`.

    Raises DevstackError for a file that holds no operators; the simulator checks the rest.
    """
    try:
        data: dict[str, Any] = yaml.safe_load(scenario.read_text(encoding="utf-8"))
        operators = data["operators"]
        for operator in operators:
            operator["port"] = operator.get("port") or free_port()
            _tell_id_base(operator)
        found = tuple(SimulatedOperator(str(one["id"]), str(one["name"]), one["port"]) for one in operators)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise DevstackError(f"{scenario}: not a scenario of operators ({type(error).__name__})") from error
    management = data.setdefault("management", {})
    management["port"] = management.get("port") or free_port()
    management["token"] = management.get("token") or secrets.token_urlsafe(24)
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return Settled(target, found, management["port"], management["token"])


def _tell_id_base(operator: dict[str, Any]) -> None:
    """Let operator management say what onboarding finds out: ids hexadecimal in responses, decimal in receipts.

    A scenario that says something of its own about `idBase` keeps it.
    """
    ids = operator.get("ids", {})
    response, receipt = str(ids.get("response", "decimal")), str(ids.get("receipt", ""))
    if response.lower().endswith("hex") and receipt.lower().endswith("decimal"):
        told = operator.setdefault("management", {}).setdefault("override", {})
        told.setdefault("rules", {}).setdefault("idBase", "hex")
