"""Makes tests/vectors/segmentation.json: our cuts beside those of libraries that are not ours.

    .venv/bin/python -m tests.vectors.tools.segmentation FOLDER

FOLDER is a throw-away one outside of the repository, in which stand: a virtual environment `v` with smsutil and
gsmcodecs, and `node_modules` with split-sms, sms-segments-calculator and smpp. Gammu is used through Debian's
python3-gammu, with /usr/bin/python3. Nothing is written where a library differs and no reason is known for it: then
somebody has to find out who is right.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import regex

from ghasi.sms.choice import TextRules, encode
from ghasi.sms.coding import Alphabet, Coding, Wanted
from ghasi.sms.errors import SmsError, TooLong
from ghasi.sms.header import parse_elements
from ghasi.sms.national import LANGUAGE_CODES
from ghasi.sms.reading import decode_part
from ghasi.sms.segmentation import LongMode, Segmented, segment
from tests.vectors.tools.segmentation_cases import Case, cases

HERE = Path(__file__).parent
TARGET = HERE.parent / "segmentation.json"
Json = dict[str, Any]


def cut(text: str, rules: Json) -> Segmented:
    """What our code makes of a case; the tests call this too. Raises SmsError."""
    bits = rules.get("referenceBits", 8)
    text_rules = TextRules(
        Alphabet(rules.get("alphabet", "gsm7")),
        strict=rules.get("strict", False),
        locking=tuple(LANGUAGE_CODES[code] for code in rules.get("locking", ())),
        single=tuple(LANGUAGE_CODES[code] for code in rules.get("single", ())),
        reference_bits=bits,
    )
    encoded = encode(text, Wanted(rules.get("encoding", "GSM7")), text_rules)
    return segment(
        encoded,
        LongMode(rules.get("longMode", "udh")),
        reference_bits=bits,
        max_parts=rules.get("maxParts", 255),
    )


def expectation(text: str, rules: Json) -> Json:
    """The cut as it stands in a vector: units, characters and header of each part; or the error."""
    try:
        made = cut(text, rules)
    except SmsError as error:
        return {"error": error.reason} | ({"networkParts": error.parts} if isinstance(error, TooLong) else {})
    alphabet = {Coding.LATIN1: Alphabet.LATIN1, Coding.ASCII: Alphabet.ASCII}.get(made.coding, Alphabet.GSM7)
    shown = [decode_part(part.udh, part.body, made.data_coding, alphabet) for part in made.parts]
    return {
        "coding": made.coding.value,
        "dataCoding": made.data_coding,
        "units": runs([part.units for part in made.parts]),
        "characters": runs(
            [len(part.body if text is None else text) for text, part in zip(shown, made.parts, strict=True)]
        ),
        "firstHeader": made.parts[0].udh.hex(),
        "networkParts": made.network_parts,
    }


def runs(numbers: list[int]) -> list[list[int]]:
    """[153, 153, 8] as [[153, 2], [8, 1]]: the longest texts have 255 parts."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][0] == number:
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return found


def numbers(pairs: list[list[int]]) -> list[int]:
    """The other way."""
    return [number for number, times in pairs for _ in range(times)]


def ask(command: list[str], folder: Path, questions: list[Json]) -> Json:
    done = subprocess.run(
        command, input=json.dumps(questions), capture_output=True, text=True, cwd=folder, check=True
    )
    answer: Json = json.loads(done.stdout)
    return answer


def others(folder: Path, made: list[tuple[Case, Json]]) -> tuple[Json, list[Json]]:
    """Versions, and for each case what each library gave that can say anything about it."""
    questions = [
        {"text": case.whole, "unicode": expect.get("coding") == "UCS2" or "ж" in case.whole, "bits": bits(case)}
        for case, expect in made
    ]
    script = str(HERE / "segmentation_others.py")
    smsutil = ask(["v/bin/python", script, "smsutil"], folder, questions)
    gammu = ask(["/usr/bin/python3", script, "gammu"], folder, questions)
    node = ask(["node", str(HERE / "segmentation_others.mjs")], folder, questions)
    versions = {"smsutil": smsutil["version"], "gammu": gammu["version"], **node["versions"]}
    rows = [
        {"smsutil": one, "gammu": two, **three}
        for one, two, three in zip(smsutil["answers"], gammu["answers"], node["answers"], strict=True)
    ]
    # The others know 8-bit references only, and none of them counts octets or national tables.
    kept = [
        {} if not counts(case, expect) else {"gammu": row["gammu"]} if bits(case) == 16 else row
        for (case, expect), row in zip(made, rows, strict=True)
    ]
    return versions, [{name: cuts for name, cuts in row.items() if isinstance(cuts, list)} for row in kept]


def bits(case: Case) -> int:
    return int(case.rules.get("referenceBits", 8))


def counts(case: Case, expect: Json) -> bool:
    if expect.get("error") == "not_encodable":
        return False
    return not expect.get("tables") and expect.get("coding", "GSM7") in ("GSM7", "UCS2")


def shifted(folder: Path, made: list[tuple[Case, Json]]) -> tuple[Json, list[Json]]:
    """Versions, and for each case in national tables the septets that others make of the whole text."""
    questions = [{"text": case.whole, **expect["tables"]} if expect.get("tables") else None for case, expect in made]
    asked = [one for one in questions if one]
    answer = ask(["v/bin/python", str(HERE / "segmentation_tables.py")], folder, asked)
    answers = iter(answer["answers"])
    return answer["versions"], [next(answers) if one else {} for one in questions]


def tables_of(text: str, rules: Json) -> Json | None:
    """The national tables our code took: identifiers, 0 for none."""
    try:
        made = cut(text, rules)
    except SmsError:
        return None
    elements = dict(parse_elements(made.parts[0].udh[1:]))
    found = {name: elements[one][0] if one in elements else 0 for name, one in (("locking", 0x25), ("single", 0x24))}
    return found if any(found.values()) else None


def why(name: str, case: Case, expect: Json, theirs: list[int]) -> str:
    """The known reason for another cut. Raises ValueError where none is known."""
    text, ours = case.whole, expect.get("networkParts")
    if "error" in expect:
        if len(theirs) != ours:
            raise ValueError(f"{name} on {case.what}: another number of parts")
        return "knows no bound of parts"
    if case.rules.get("longMode") == "payload" and len(theirs) == ours:
        return "shows the parts that the SMSC will cut"
    bounds = {found.start() for found in regex.finditer(r"\X", text)} | {len(text)}
    cuts = set(accumulate(theirs)) if sum(theirs) == len(text) else set()
    if len(theirs) > ours:
        return "keeps the cluster whole for one part more"
    if case.what == "a cluster longer than a part":
        return "takes the cluster for one character, larger than a part"
    if cuts - bounds and len(theirs) == ours:
        return {
            "gammu": "keeps a letter and its accent whole, other clusters not",
            "twilio": "knows an older Unicode, in which a virama ends the cluster",
        }.get(name, "cuts within grapheme clusters")
    raise ValueError(f"{name} on {case.what}: {theirs} instead of {expect['characters']}")


def why_septets(name: str, case: Case) -> str:
    """The known reason for other septets. Raises ValueError where none is known."""
    if name == "gsmcodecs" and "kn" in case.rules.get("locking", ()):
        return "has Kannada PA (0x3D) once more in the place of DDA (0x24), and so no DDA"
    raise ValueError(f"{name} on {case.what}: other septets")


def vector(number: int, case: Case, expect: Json, seen: Json, septets: Json) -> Json:
    ours = numbers(expect["characters"]) if "characters" in expect else None
    differs = {name: why(name, case, expect, cuts) for name, cuts in seen.items() if cuts != ours}
    known = {name: theirs for name, theirs in septets.items() if theirs is not None}
    whole = encode_whole(case) if known else ""
    shifted_otherwise = {name: why_septets(name, case) for name, theirs in known.items() if theirs != whole}
    agree = [name for name in (*seen, *known) if name not in differs and name not in shifted_otherwise]
    differ: Json = {name: {"characters": runs(seen[name]), "why": reason} for name, reason in differs.items()}
    differ |= {name: {"septets": known[name], "why": reason} for name, reason in shifted_otherwise.items()}
    return {
        "case": number,
        "what": case.what,
        "text": case.text,
        **({"rules": case.rules} if case.rules else {}),
        "expect": {name: value for name, value in expect.items() if name != "tables"},
        "agree": agree,
        **({"differ": differ} if differ else {}),
    }


def encode_whole(case: Case) -> str:
    return b"".join(part.body for part in cut(case.whole, case.rules).parts).hex()


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    made = []
    for case in cases():
        tables = tables_of(case.whole, case.rules)
        made.append((case, expectation(case.whole, case.rules) | ({"tables": tables} if tables else {})))
    versions, rows = others(folder, made)
    more, septets = shifted(folder, made)
    vectors = [
        vector(number, case, expect, row, shifts)
        for number, ((case, expect), row, shifts) in enumerate(zip(made, rows, septets, strict=True), 1)
    ]
    origin = "texts written for this file; cut by our code and by the libraries named, 2026-11 (tests/vectors/tools)"
    lines = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in vectors)
    head = json.dumps({"origin": origin, "libraries": versions | more}, ensure_ascii=False)[:-1]
    TARGET.write_text(f'{head}, "cases": [\n{lines}\n]}}\n')
    two = sum(len(one["agree"]) + len(one.get("differ", {})) >= 2 for one in vectors)
    print(f"{len(vectors)} cases, {two} of them with two libraries or more")


if __name__ == "__main__":
    main()
