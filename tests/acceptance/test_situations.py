"""A message in every situation that a night brings, on the whole stack: one look tells where it is, why, since when,
and what to do next; in the command and on the page."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from ghasi.devstack.servers import Servers
from tests.support import ledgerui
from tests.support.platform import Platform, command, iso
from tests.support.product import Product, operator

PAGE = "/admin/correlations/messagecorrelation/where/"
WAIT = 30.0
QUEUE = 150
"""Messages before the one that waits for its turn, at one a second."""
AT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
TAKEN = {"drop": "unanswered", "taken": False}


def doubtful(name: str, policy: str, wait: float) -> dict[str, Any]:
    rules = {"inDoubtPolicy": policy, "inDoubtWait": wait}
    return operator(name=name, rules=[{"times": 1, **TAKEN}], management={"override": {"rules": rules}})


MAIN = operator(
    name="Main",
    rules=[
        {"to": "*404", "status": "ESME_RINVDSTADR"},
        {"to": "*405", "status": "ESME_RINVDSTADR", "times": 1},
        {"to": "*700", "receipt": {"beforeResponse": True}, "delay": 12},
        {"to": "*701", "receipt": {"beforeResponse": True}, "delay": 3},
        {"to": "*800", "has": "laterPart", "receipt": "none"},
    ],
)
REFUSES = [{"on": "bind", "status": "ESME_RBINDFAIL"}]
DOWN = operator(name="Down", rules=REFUSES)
FIRST = operator(name="First", rules=REFUSES, backupOperatorId=MAIN["id"])
SLOW = operator(name="Slow", tpsLimit=1)
DOUBT, HOLD = doubtful("Doubt", "resend", 600.0), doubtful("Hold", "hold", 1.0)


@dataclass(frozen=True)
class Situation:
    """`says` and `next` are patterns; `kinds` are entries that the timeline has, each with its time."""

    name: str
    level: str
    says: tuple[str, ...]
    next: str
    kinds: tuple[str, ...] = ()


SENT = ("command", "claimed", "permits", "handed over")
SITUATIONS = (
    Situation(
        "waits for a bind",
        "waits",
        (f"^Waits in SMS_DISPATCH since {AT}", r"Down is [A-Z]+ \(.*RBINDFAIL.*\)\.$"),
        "once the operator is bound",
        ("command",),
    ),
    Situation(
        "waits for its turn",
        "waits",
        (f"^(Waits in SMS_DISPATCH|With us) since {AT}", r"Slow is BOUND and takes 1 a second at most\.$"),
        "Nothing: it leaves in its turn",
        ("command",),
    ),
    Situation(
        "held by policy",
        "doubt",
        (f"^In doubt since {AT} \\(.+\\): Hold may have it. It is left to a person at {AT}\\.$",),
        r"manage\.py held as-sent\|as-failed\|resend [0-9a-f-]{36}",
        (*SENT, "in doubt", "policy"),
    ),
    Situation(
        "in doubt",
        "doubt",
        (f"^In doubt since {AT} \\(.+\\): Doubt may have it. Its receipt or the policy will settle it",),
        "Wait: its receipt settles it",
        (*SENT, "in doubt"),
    ),
    Situation(
        "rejected",
        "failed",
        (f"^Refused for good by Main with ESME_RINVDSTADR at {AT}",),
        r"manage\.py replay [0-9a-f-]{36}",
        (*SENT, "answer", "rejected", "dead letter"),
    ),
    Situation(
        "expired in its queue",
        "failed",
        (f"^Expired before it could be sent at {AT}: nothing of it left. It waited for Down since {AT}",),
        "the platform was told EXPIRED",
        ("command", "expired"),
    ),
    Situation(
        "dead letter",
        "failed",
        (f"^Never sent: a dead letter, bad_sender, at {AT}",),
        r"manage\.py replay [0-9a-f-]{36}",
        ("dead letter",),
    ),
    Situation(
        "receipt first",
        "waits",
        (f"^Given to gateway .+ at {AT}; no answer yet", "A receipt came meanwhile whose number fits"),
        "^Wait: an answer",
        (*SENT, "receipt"),
    ),
    Situation(
        "receipt matched later",
        "done",
        (f"^Delivered: Main said so at {AT}",),
        "^$",
        (*SENT, "answer", "receipt", "matched"),
    ),
    Situation(
        "half delivered",
        "waits",
        (f"^1 of 2 parts: With Main, which took it at {AT}; no receipt yet. The others: 1 done",),
        "Wait for its receipt. Ask the operator about id",
        (*SENT, "answer", "receipt"),
    ),
    Situation(
        "replayed",
        "done",
        (f"^Delivered: Main said so at {AT}", r"That is attempt 2\.$"),
        "^$",
        (*SENT, "rejected", "dead letter", "action", "receipt"),
    ),
    Situation(
        "failed over",
        "done",
        (rf"^Delivered: Main \(instead of First\) said so at {AT}",),
        "^$",
        (*SENT, "answer", "receipt"),
    ),
)


def planted() -> dict[str, dict[str, Any]]:
    """A command for each situation but the one that is looked at before its answer."""
    soon = iso(datetime.now(UTC) + timedelta(seconds=3))
    return {
        "waits for a bind": command(DOWN["id"], "+93701000100"),
        "waits for its turn": command(SLOW["id"], "+93701000101"),
        "held by policy": command(HOLD["id"], "+93701000102"),
        "in doubt": command(DOUBT["id"], "+93701000103"),
        "rejected": command(MAIN["id"], "+93701000404"),
        "expired in its queue": command(DOWN["id"], "+93701000104", expiresAt=soon),
        "dead letter": command(MAIN["id"], "+93701000105") | {"from": "x" * 30},
        "receipt matched later": command(MAIN["id"], "+93701000701"),
        "half delivered": command(MAIN["id"], "+93701000800", "x" * 200),
        "replayed": command(MAIN["id"], "+93701000405"),
        "failed over": command(FIRST["id"], "+93701000106"),
    }


class Night:
    """The stack, and the message of each situation."""

    def __init__(self, product: Product, nats_url: str) -> None:
        self.product = product
        self._nats_url = nats_url
        commands = planted()
        self.messages = {name: str(one["messageId"]) for name, one in commands.items()}
        self.send([command(SLOW["id"], "+93701999100") for _ in range(QUEUE)])
        self.send(list(commands.values()))

    def send(self, commands: list[dict[str, Any]]) -> None:
        async def publish() -> None:
            async with await Platform.over(self._nats_url, listen=False) as platform:
                await platform.send(commands)

        asyncio.run(publish())

    def message(self, name: str) -> str:
        if name not in self.messages:
            one = command(MAIN["id"], "+93701000700")
            self.send([one])
            self.messages[name] = str(one["messageId"])
        return self.messages[name]

    def look(self, name: str) -> dict[str, Any]:
        """What the command says; nothing where it knows nothing."""
        out = io.StringIO()
        try:
            call_command("where", self.message(name), "--json", stdout=out)
        except SystemExit:
            return {}
        (told,) = json.loads(out.getvalue())["messages"]
        return dict(told)

    def until(self, one: Situation) -> dict[str, Any]:
        """The answer that tells all, or the last one."""
        end = time.monotonic() + WAIT
        while True:
            told = self.look(one.name)
            if not missing(one, told) or time.monotonic() > end:
                return told
            time.sleep(0.2)


def missing(one: Situation, told: dict[str, Any]) -> list[str]:
    """What an answer does not tell of a situation."""
    if not told:
        return ["anything"]
    timed = {entry["kind"] for entry in told["timeline"] if entry["at"]}
    found = [f"kind {kind}" for kind in one.kinds if kind not in timed]
    found += [pattern for pattern in one.says if not re.search(pattern, told["where"])]
    found += [] if re.search(one.next, told["next"]) else [one.next]
    return found + ([] if told["standing"] == one.level else [one.level])


@pytest.fixture(scope="module")
def night(servers: Servers, django_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder: Path = tmp_path_factory.mktemp("night")
    product = Product(servers, folder, [MAIN, DOWN, FIRST, SLOW, DOUBT, HOLD])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in servers.env().items():
            patch.setenv(name, value)
        try:
            asyncio.run(product.start())
            made = Night(product, servers.nats_url)
            replay(made, "replayed")
            yield made
        finally:
            product.stop()
            User.objects.all().delete()
            connection.close()
            shutil.rmtree(folder, ignore_errors=True)


def replay(night: Night, name: str) -> None:
    """Once it was refused and put aside."""
    end = time.monotonic() + WAIT
    while not any(entry["kind"] == "dead letter" for entry in night.look(name).get("timeline", [])):
        assert time.monotonic() < end, night.product.tails()
        time.sleep(0.2)
    out = io.StringIO()
    call_command("replay", night.message(name), "--yes", "--json", stdout=out)
    assert json.loads(out.getvalue())["replayed"] == 1


@pytest.mark.parametrize("one", SITUATIONS, ids=lambda one: str(one.name).replace(" ", "-"))
def test_one_look_tells_where_it_is_and_what_to_do(night: Night, one: Situation) -> None:
    told = night.until(one)
    assert missing(one, told) == [], json.dumps(told, indent=1)
    client = ledgerui.staff("view_messagecorrelation")
    html = client.get(PAGE, {"q": night.message(one.name)}).content.decode()
    standing = re.search(r'class="standing standing-(\w+)" id="standing">(.*?)</p>', html, re.DOTALL)
    assert standing is not None
    assert standing[1] == one.level
    assert all(re.search(pattern.rstrip("$"), standing[2]) for pattern in one.says), standing[2]
    assert bool(told["next"]) == ('id="next"' in standing[2])
