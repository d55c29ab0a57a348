"""Every operator: whether operator management answers for it, whether its hosts can be reached; no bind is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from ghasi.doctor.certificates import Unreadable, shown_by
from ghasi.doctor.findings import Finding
from ghasi.doctor.surroundings import Surroundings
from ghasi.doctor.tls import judged
from ghasi.env import SettingsError
from ghasi.operator_answer import TlsFiles
from ghasi.probe.account import Account, from_management, read_answer
from ghasi.probe.connect import reach
from ghasi.probe.errors import ProbeError

AT_ONCE = 16
UNSEEN = "operators.not_looked_at"


async def operators(around: Surroundings, operator_ids: Iterable[str]) -> list[Finding]:
    """Of all at once. Where this process is not told who knows their credentials, or no operator is known, that is
    said: neither credentials nor hosts nor their certificates were looked at."""
    if not around.setting("OPERATOR_MGMT_URL") and not around.setting("CREDENTIALS_SOURCE"):
        return [Finding(UNSEEN, "operators", "neither OPERATOR_MGMT_URL nor CREDENTIALS_SOURCE is set here")]
    operator_ids = sorted(operator_ids)
    if not operator_ids:
        return [Finding(UNSEEN, "operators", "OPERATOR_IDS is not set here, and no living process names any")]
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(operator_id: str) -> list[Finding]:
        async with turn:
            return await _operator(around, operator_id)

    found = await asyncio.gather(*(one(operator_id) for operator_id in operator_ids))
    return [finding for each in found for finding in each]


async def _operator(around: Surroundings, operator_id: str) -> list[Finding]:
    try:
        account = read_answer(await from_management(operator_id, around.env), operator_id)
    except (ProbeError, SettingsError) as error:
        return [Finding("operators.credentials", operator_id, str(error))]
    return [finding for place in account.hosts for finding in await _host(around, operator_id, account, place)]


async def _host(around: Surroundings, operator_id: str, account: Account, place: tuple[str, int]) -> list[Finding]:
    seen = await reach(*place, account.tls, timeout=around.timeout, now=around.now)
    where = f"{operator_id} {place[0]}:{place[1]}"
    if seen.connect_seconds is None:
        return [Finding("operators.unreachable", where, seen.error)]
    if account.tls is None:
        return []
    found = await _certificate(around, where, account.tls, place)
    if seen.error and not found:
        found.append(Finding("tls.untrusted", where, seen.error))
    return found


async def _certificate(around: Surroundings, where: str, files: TlsFiles, place: tuple[str, int]) -> list[Finding]:
    """When it ends; a handshake that fails for that reason shows no more than that it failed."""
    client = (Path(files.cert), Path(files.key)) if files.cert and files.key else None
    try:
        end = await shown_by(*place, around.timeout, kind="at once", client=client)
    except Unreadable:
        return []
    return list(judged(where, end, around.now))
