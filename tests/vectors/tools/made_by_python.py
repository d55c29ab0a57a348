"""Writes what asked.json asks for with smpplib or smpp34: python made_by_python.py smpplib > ../pdus_smpplib.json"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import smpp34
from smpplib import smpp

Asked = dict[str, Any]
CLASSES = {"submit_sm": smpp34.SubmitSm, "deliver_sm": smpp34.DeliverSm}


def by_smpplib(asked: Asked) -> bytes:
    if "dest_address" in asked["fields"] or "unsuccess_sme" in asked["fields"]:
        raise ValueError("no such command")
    tlvs = {tlv["name"]: _value(tlv) for tlv in asked["tlvs"]}
    pdu = smpp.make_pdu(asked["command"], sequence=asked["sequence"], **_fields(asked), **tlvs)
    pdu.sequence, pdu.status = asked["sequence"], asked["status"]
    return bytes(pdu.generate())


def by_smpp34(asked: Asked) -> bytes:
    if asked["command"] not in CLASSES:
        raise ValueError("the package writes only submit_sm and deliver_sm outside a session")
    tags = [getattr(smpp34, f"TLV_{tlv['name'].upper()}") for tlv in asked["tlvs"]]
    tlvs = [smpp34.Tlv(tag, bytes.fromhex(tlv["value"])) for tag, tlv in zip(tags, asked["tlvs"], strict=True)]
    return CLASSES[asked["command"]](**_fields(asked), tlvs=tlvs, sequence_number=asked["sequence"]).encode()


def _fields(asked: Asked) -> dict[str, Any]:
    return {
        name: bytes.fromhex(value) if name == "short_message" else value for name, value in asked["fields"].items()
    }


def _value(tlv: dict[str, str]) -> Any:
    octets = bytes.fromhex(tlv["value"])
    if tlv["as"] == "int":
        return int.from_bytes(octets, "big")
    return octets[:-1].decode() if tlv["as"] == "text" else octets


def main(package: str) -> None:
    make: Callable[[Asked], bytes] = {"smpplib": by_smpplib, "smpp34": by_smpp34}[package]
    made, refused = [], []
    for asked in json.loads((Path(__file__).parent / "asked.json").read_text()):
        try:
            made.append({"asked": asked["name"], "hex": make(asked).hex()})
        except Exception as error:
            refused.append({"asked": asked["name"], "why": f"{type(error).__name__}: {error}"})
    origin = (
        f"{package} {version(package)}, Python {platform.python_version()}, tests/vectors/tools/made_by_python.py"
    )
    print(json.dumps({"origin": origin, "made": made, "refused": refused}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
