"""What smsutil or gammu make of texts: one JSON array of texts in, one of answers out.

Called with the name of the library, by an interpreter that has it. Stands alone: it imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

GAMMU_MOST = 5000
"""Characters; the library ends the process somewhere beyond."""


def smsutil() -> tuple[str, Callable[[str, bool, int], list[int] | str]]:
    from importlib.metadata import version

    import smsutil as library

    def parts(text: str, unicode: bool, bits: int) -> list[int] | str:
        if bits == 16:
            return "8-bit references only"
        split = library.unicode_split if unicode else library.gsm_split
        return [len(part.content) for part in split(text).parts]

    return version("smsutil"), parts


def gammu() -> tuple[str, Callable[[str, bool, int], list[int] | str]]:
    import gammu as library

    def parts(text: str, unicode: bool, bits: int) -> list[int] | str:
        if len(text) > GAMMU_MOST:
            return "longer than its buffers"
        kind = "ConcatenatedTextLong16bit" if bits == 16 else "ConcatenatedTextLong"
        entry = {"ID": kind, "Buffer": text}
        made = library.EncodeSMS({"Class": -1, "Unicode": unicode, "Entries": [entry]})
        return [len(one["Text"]) for one in made]

    return f"{library.Version()[0]}, python-gammu {library.Version()[1]}", parts


def main() -> None:
    version, parts = {"smsutil": smsutil, "gammu": gammu}[sys.argv[1]]()
    answers: list[Any] = []
    for given in json.load(sys.stdin):
        try:
            answers.append(parts(given["text"], given["unicode"], given["bits"]))
        except Exception as error:
            answers.append(f"{type(error).__name__}: {str(error)[:60]}")
    json.dump({"version": version, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
