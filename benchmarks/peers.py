"""Ours beside Kannel and Jasmin under the same load, in alternation.

Each round runs every system once on the same load, so that a slow minute of the machine meets all of them; ratios are
of the same round. A peer that is not installed is named and not counted. Ours is durable throughout; of a peer's
durability the tables tell.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from benchmarks import jasmin, kannel, results, throughput
from benchmarks.load import Load, ratios, spread
from benchmarks.missing import PeerMissing

Measure = Callable[[Load], Awaitable[dict[str, Any]]]
OURS = "ours"
_PEERS: dict[str, tuple[Callable[[], str], Measure]] = {
    "kannel": (kannel.version, kannel.measure),
    "jasmin": (jasmin.version, jasmin.measure),
}
_AT_MOST = {"jasmin": 5_000}
"""Messages of a run of a peer that would take minutes for more; its rate does not depend on them."""
_FIGURES = ("messagesPerSecond", "toLastDlrPerSecond", "cpuPer10kTogether")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--receipts", choices=["with", "without", "both"], default="both")
    parser.add_argument("--peers", nargs="+", choices=sorted(_PEERS), default=sorted(_PEERS))
    parser.add_argument("--more", action="store_true", help="add to the rounds that are stored already")


def present(names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Of the peers asked for: the versions of those that are here, and why the others are not."""
    versions, missing = {}, {}
    for name in names:
        try:
            versions[name] = _PEERS[name][0]()
        except PeerMissing as error:
            missing[name] = str(error)
            print(f"{name}: not counted. {error}", flush=True)
    return versions, missing


async def one_round(load: Load, peers: list[str]) -> dict[str, Any]:
    """Every system once, ours first."""
    found = {OURS: await throughput.measure(load)}
    for name in peers:
        found[name] = await _PEERS[name][1](
            replace(load, messages=min(load.messages, _AT_MOST.get(name, load.messages)))
        )
    return found


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians, ranges and ratios over the rounds of one load; of each system over those it took part in."""
    names = {name for one in rounds for name in one}
    took_part = {name: [one for one in rounds if name in one] for name in sorted(names)}
    systems = {
        name: {figure: spread([one[name][figure] for one in its]) for figure in _FIGURES if figure in its[0][name]}
        for name, its in took_part.items()
    }
    against = {
        name: {figure: ratios(its, OURS, name, figure) for figure in systems[name] if figure in systems[OURS]}
        for name, its in took_part.items()
        if name != OURS
    }
    return {"systems": systems, "oursAgainst": against}


def run(arguments: argparse.Namespace) -> None:
    versions, missing = present(arguments.peers)
    nothing: dict[str, Any] = {"settings": {"peers": {}}, "results": {"rounds": {}}}
    before = results.stored("peers") if arguments.more else nothing
    chosen = {"with": [True], "without": [False], "both": [True, False]}[arguments.receipts]
    rounds: dict[str, list[dict[str, Any]]] = before["results"]["rounds"]
    for _ in range(arguments.rounds):
        for receipts in chosen:
            load = Load(messages=arguments.messages, receipts=receipts)
            found = asyncio.run(one_round(load, list(versions)))
            rounds.setdefault(load.name, []).append(found)
            print(json.dumps({"load": load.name, **found}), flush=True)
    found = {"rounds": rounds, "summary": {name: summary(each) for name, each in rounds.items()}}
    print(json.dumps(found["summary"], indent=1), flush=True)
    peers = before["settings"]["peers"] | versions
    settings = {"messages": arguments.messages, "peers": peers, "missing": missing}
    results.store("peers", settings, found)
