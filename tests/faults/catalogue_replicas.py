"""The rows of docs/reliability.md in which there are several of a kind: replicas, carriers, keepers of the books."""

from __future__ import annotations

from tests.faults.rows import Fault, Section

_OVER = "within 15 s another replica is bound; never more than `maxBinds` over all replicas"
_SLEEPER = "0 PDUs leave its own buffers once it wakes, it resets its connections and does not bind again"

_LEASES = (
    Fault("lease killed", "one of three replicas killed (kill -9)", _OVER),
    Fault(
        "lease stopped",
        "one of three replicas stopped (SIGTERM)",
        "within 3 s another replica is bound; never more than `maxBinds` over all replicas",
    ),
    Fault("lease later", "a replica comes later", "it gets its share of the binds; never more than `maxBinds`"),
    Fault(
        "lease killed under load",
        "the holder of the binds killed under load, both pools with two processes",
        f"{_OVER}; what it had out is in doubt, resent and marked",
    ),
    Fault(
        "pause window",
        "the holder frozen with a full window and a queue (SIGSTOP), until another holds its binds",
        f"{_SLEEPER}; the window is in doubt, the queue goes back unsent",
    ),
    Fault(
        "pause kernel",
        "the same, with all buffers of the kernel full",
        "what the kernel held is in doubt and all that still arrives",
    ),
    Fault(
        "pause counted",
        "the same, at an SMSC that counts binds",
        "never one too many; the successor waits until the SMSC has given the sleeper up",
    ),
    Fault(
        "pause at the check",
        "the holder frozen between the question whether it may write and the write",
        "what it writes on waking is that one write, in doubt before and after; nothing else leaves",
    ),
    *(
        Fault(
            f"nats {how} for a holder",
            f"loss of NATS ({how}), several replicas",
            "`deliver_sm` gets a temporary error, for at most 9.5 s; the holder unbinds before its lease can be "
            "taken, nobody binds meanwhile, bound again when NATS is back",
        )
        for how in ("stopped", "killed")
    ),
    *(
        Fault(
            f"nats {how} for the only one",
            f"loss of NATS ({how}), one replica declared the only one (`GATEWAY_SOLE=1`)",
            "stays bound throughout, `deliver_sm` gets a temporary error, memory stays bounded",
        )
        for how in ("stopped", "killed")
    ),
    *(
        Fault(
            f"replica cut off, {how}",
            f"the holder alone is cut off from NATS ({how.replace('_', ' ')})",
            "it unbinds first, another replica binds after that, within 15 s of the cut",
        )
        for how in ("black_hole", "cut", "half_open")
    ),
    Fault(
        "rolling restart",
        "two replicas restarted one after the other under load (SIGTERM)",
        "nothing in doubt, nothing doubled, never more than `maxBinds`",
    ),
    Fault(
        "drain",
        "`drain` and `bind` under load, both replicas restarted meanwhile",
        "stays drained over restarts until `bind`; nothing is sent meanwhile, nothing in doubt",
    ),
)

_CARRIERS = (
    Fault(
        "failover",
        "the primary goes for 12 s, with commands queued",
        "the backup carries what waits within its own limit, the traffic comes back; at most a window twice, marked",
    ),
    Fault(
        "flapping",
        "a link that drops every 4 s, with settings a seventh of the defaults (20 to 30 s)",
        "the traffic goes over once and stays there; at most two windows doubled, marked",
    ),
)

_BOOKS = (
    Fault("books loss", "a command acknowledged behind the workers' backs", "the alarm rises, `audit` names it"),
    Fault("books double", "a second submission without a record", "the alarm rises, `audit` names it"),
    Fault(
        "books killed worker",
        "the dispatch pool killed under load",
        "the books hold at every moment, no alarm",
    ),
)

REPLICAS = Section(
    "Replicas, leases and failover",
    "Several gateways, and what makes one give way to another. Where a row compares no messages its columns are "
    "empty; what it measured instead stands below. Seconds are the slowest takeover of its runs.",
    (*_LEASES, *_CARRIERS),
    shows_notes=True,
)

BOOKS = Section(
    "Accounting",
    "The running check against planted faults. Seconds count from the planting until the alarm is up, or until all "
    "is settled.",
    _BOOKS,
    shows_notes=True,
)

_LATE = "nothing lost, nothing doubled in silence; nothing leaves while the gateway is over 10 s ahead of a worker"
_CLOCKS = {
    "gateway": _LATE,
    "dispatch": _LATE,
    "receipts": "nothing lost, nothing doubled in silence; goes on",
}

PROCESSES = Section(
    "Processes and neighbours",
    "What befalls a single process, or a neighbour that comes back as another, under load.",
    (
        Fault(
            "credentials away",
            "operator management away for 15 s",
            "sessions that live stay; a gateway that starts waits for it and then binds",
        ),
        Fault(
            "failover postgres",
            "PostgreSQL killed, and in its place one that refuses writes for 5 s, as a standby before its promotion",
            "no octet leaves without its row; intake goes on where it stopped",
        ),
        *(
            Fault(
                f"memory {process}",
                f"{process} reaches its memory limit and is killed by the kernel",
                "like a kill: nothing lost, what is sent twice is marked",
            )
            for process in ("gateway", "dispatch", "receipts")
        ),
        *(
            Fault(
                f"clock {process}",
                f"the time of day of {process} jumps: 8 s an hour ahead, 8 s an hour back",
                said,
            )
            for process, said in _CLOCKS.items()
        ),
        Fault("web killed", "the web process killed, three times, amid requests", "the traffic does not notice it"),
    ),
    shows_notes=True,
)
