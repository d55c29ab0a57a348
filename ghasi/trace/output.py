"""Where a trace's items go: lines for people or machines, and a capture file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import BinaryIO

from ghasi.contracts.trace import TracedPdu
from ghasi.explain.dialect import PLAIN, Dialect
from ghasi.explain.lines import printable
from ghasi.trace.form import Headlines, hexdump, item_to_json
from ghasi.trace.merge import Item
from ghasi.trace.pcap import PcapWriter


class Output:
    """`line` takes each line (None: no lines), `capture` the octets of a capture file (None: no file)."""

    def __init__(
        self,
        line: Callable[[str], None] | None,
        capture: BinaryIO | None,
        *,
        as_json: bool = False,
        masked: bool = True,
        with_hex: bool = False,
        explain: Callable[[bytes, Dialect], list[str]] | None = None,
        dialect: Callable[[], Dialect] = lambda: PLAIN,
    ) -> None:
        """`explain` gives further lines on a PDU; `dialect` is the operator's as it is known now."""
        self._line = line
        self._capture = capture
        self._as_json = as_json
        self._masked = masked
        self._with_hex = with_hex
        self._explain = explain
        self._dialect = dialect
        self._headlines = Headlines()
        self._pcap = None if capture is None else PcapWriter(capture.write)
        self._flush()

    def show(self, item: Item) -> None:
        """Writes it everywhere, to the last octet: who reads along sees it now."""
        if self._pcap is not None and isinstance(item.what, TracedPdu):
            self._pcap.add(item.replica, item.what)
            self._flush()
        if self._line is None:
            return
        if self._as_json:
            form = item_to_json(item, self._dialect(), masked=self._masked, with_hex=self._with_hex)
            self._line(json.dumps(form))
            return
        lines = [self._headlines.of(item, self._dialect())]
        if isinstance(item.what, TracedPdu):
            lines += self._further(item.what.octets)
        for line in lines:
            self._line(printable(line))

    def _further(self, octets: bytes) -> list[str]:
        lines = self._explain(octets, self._dialect()) if self._explain else []
        return lines + list(hexdump(octets)) if self._with_hex else lines

    def _flush(self) -> None:
        if self._capture is not None:
            self._capture.flush()
