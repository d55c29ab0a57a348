"""What a run would send and what it may cost, before anything leaves. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ghasi.probe.account import Account
from ghasi.probe.plan import Step, messages, rate_messages
from ghasi.probe.run import Options, Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`needed` messages would answer every question, `allowed` is the cap, `cost` what the cap may cost at most."""

    steps: tuple[Step, ...]
    window: int
    rate: int
    needed: int
    allowed: int
    charged: int
    cost: float | None

    @property
    def falls_short(self) -> bool:
        return self.needed > self.allowed


def preview(account: Account, options: Options) -> Preview:
    """The plan of these options in numbers."""
    steps = tuple(messages(options.target)) if options.goes(Reach.MESSAGES) else ()
    full = options.goes(Reach.FULL)
    limits = options.limits
    window = limits.max_window if full else 0
    rate = rate_messages(min(account.tps_limit, limits.max_tps), limits.max_tps) if full else 0
    count = sum(step.count for step in steps)
    needed = count + window + rate
    # A payload is one message to the cap and several to the operator.
    charged = min(needed, limits.max_messages) + sum(step.charged - step.count for step in steps)
    return Preview(
        steps=steps,
        window=window,
        rate=rate,
        needed=needed,
        allowed=limits.max_messages if steps else 0,
        charged=charged if steps else 0,
        cost=None if options.price is None or not steps else round(options.price * charged, 4),
    )


def warnings(account: Account, options: Options) -> list[str]:
    """What a person should know before saying yes."""
    found = []
    if not account.idle and options.goes(Reach.BIND):
        found.append(
            f"The account may be in use: it is said to allow {account.max_binds} bind(s) at once, and a bind of this "
            "run can be refused for it, or displace one that carries traffic. Unbind the operator and say --idle, "
            "or stop at --mode connect."
        )
        found.append("Receipts of other messages that arrive here are given back with a temporary error.")
    if account.tls is None:
        found.append("The connection is not encrypted: the password goes over the network as it is.")
    return found
