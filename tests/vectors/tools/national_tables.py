"""Compares every place of ghasi/sms/national.py with gsmcodecs and, for three languages, with npm's smpp.

    .venv/bin/python -m tests.vectors.tools.national_tables FOLDER

FOLDER is the one of `segmentation.py`. Prints each place where one of them differs and is not known to be wrong
there, and ends with 1 if there is one. The places where gsmcodecs differs were compared besides, by eye, with the
tables of Android and of Firefox OS, which agree with ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from ghasi.sms.gsm7 import ESCAPE, GAP
from ghasi.sms.national import LOCKING, SINGLE, Language

PYTHON: Final = """
import json, gsmcodecs
def shown(octets, pair):
    try:
        return octets.decode("gsm23.038-%d-%d" % pair)
    except UnicodeDecodeError:
        return None
places = [c for c in range(128) if c != 0x1B]
print(json.dumps({n: [[shown(bytes([c]), (n, 0)) for c in places], [shown(bytes([27, c]), (0, n)) for c in places]]
                  for n in range(1, 14)}))
"""
NODE: Final = """
const { gsmCoder } = require("node:module").createRequire(process.cwd() + "/")("smpp/lib/defs");
const places = [...Array(128).keys()].filter((code) => code !== 0x1b);
const shown = (octets, language) => gsmCoder.decode(Buffer.from(octets), language);
const both = (n) => [places.map((c) => shown([c], n)), places.map((c) => shown([27, c], n))];
console.log(JSON.stringify({ 1: both(1), 2: both(2), 3: both(3) }));
"""
KNOWN: Final = {
    ("gsmcodecs", "locking", 0x2C): "an apostrophe where the comma belongs: no table would have a comma",
    ("gsmcodecs", "KANNADA locking", 0x24): "PA a second time, where DDA belongs",
    ("gsmcodecs", "TELUGU single", 0x65): "no euro, which every other table has",
}
PLACES: Final = tuple(code for code in range(128) if code != ESCAPE)


def ours(language: Language) -> tuple[list[str | None], list[str | None]]:
    locking = LOCKING.get(language, "")
    return (
        [None if not locking or locking[code] == GAP else locking[code] for code in PLACES],
        [SINGLE[language].get(code) for code in PLACES],
    )


def known(name: str, kind: str, language: Language, code: int, expected: str | None) -> bool:
    if name == "node-smpp" and kind == "single" and expected is None:
        # It leaves ESC and the code as they are where the table has no character.
        return True
    return (name, kind, code) in KNOWN or (name, f"{language.name} {kind}", code) in KNOWN


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    tables = {
        "gsmcodecs": ["v/bin/python", "-c", PYTHON],
        "node-smpp": ["node", "-e", NODE],
    }
    strange = compared = 0
    for name, command in tables.items():
        shown = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True).stdout)
        for number, theirs in shown.items():
            language = Language(int(number))
            for kind, mine, other in zip(("locking", "single"), ours(language), theirs, strict=True):
                if kind == "locking" and language not in LOCKING:
                    continue
                for code, expected, found in zip(PLACES, mine, other, strict=True):
                    compared += 1
                    if expected != found and not known(name, kind, language, code, expected):
                        strange += 1
                        print(f"{name} {language.name} {kind} 0x{code:02X}: {found!r} instead of {expected!r}")
    print(f"{compared} places compared, {strange} of them differ")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
