"""A stand-in for operator management: credentials over HTTP, with scripted failures (docs/contract.md §6).

`GET /internal/operators/{operatorId}/smpp-credentials` answers from the same scenario file the simulator reads.
Where an operator's port is 0 there, it comes from the simulator's port file, read again at each request.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ghasi.simulator.config import Failure, Operator, Scenario
from ghasi.simulator.log import Journal

PATH: Final = "/internal/operators/{operator_id}/smpp-credentials"


def credentials(operator: Operator, port: int) -> dict[str, Any]:
    """The body of a good answer; `override` has the last word, so that wrong answers can be tried too."""
    answer: dict[str, Any] = {
        "operatorId": str(operator.id),
        "operatorName": operator.name,
        "host": operator.host,
        "port": port,
        "systemId": operator.system_id,
        "password": operator.password,
        "tpsLimit": operator.tps_limit,
        "bindMode": operator.bind_mode,
        "maxBinds": operator.max_binds,
        "windowSize": operator.window_size,
        "tls": operator.tls is not None,
        "systemType": operator.system_type,
        "backupOperatorId": str(operator.backup_operator_id) if operator.backup_operator_id else None,
    }
    if operator.profile is not None:
        answer["profile"] = operator.profile
    return answer | operator.management.override


class FailureScript:
    """Which failure a request meets; `at` is seconds since the start. Pure."""

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        self._failures = failures
        self._seen = [0] * len(failures)

    def next(self, at: float) -> Failure | None:
        """The first failure whose time it is and that is not used up; None: answer as it should be."""
        for index, failure in enumerate(self._failures):
            if at < failure.after or (failure.until is not None and at >= failure.until):
                continue
            if failure.times is not None and self._seen[index] >= failure.skip + failure.times:
                continue
            self._seen[index] += 1
            if self._seen[index] > failure.skip:
                return failure
        return None


class OperatorManagement:
    """The web application's handlers and what they remember."""

    def __init__(self, scenario: Scenario, *, token: str | None, ports: Path | None, log: Path | None) -> None:
        self._operators = {str(operator.id): operator for operator in scenario.operators}
        self._token = token if token is not None else scenario.management.token
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._failures = {key: FailureScript(each.management.failures) for key, each in self._operators.items()}
        self.journal = Journal(log, "operator-management", self._loop)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(PATH, self._credentials)
        app.router.add_get("/health", self._health)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _credentials(self, request: web.Request) -> web.StreamResponse:
        operator_id = request.match_info["operator_id"].lower()
        response = await self._answer(request, operator_id)
        self.journal.write("credentials", operator_id=operator_id, status=response.status)
        return response

    async def _answer(self, request: web.Request, operator_id: str) -> web.Response:
        """In this order: token, scripted failure, unknown operator, port not known yet, the answer."""
        if not self._is_welcome(request):
            return _problem(401, "the bearer token is missing or wrong")
        operator = self._operators.get(operator_id)
        failure = self._failures[operator_id].next(self._loop.time() - self._started) if operator else None
        if failure is not None:
            await asyncio.sleep(failure.delay)
            if failure.drop and request.transport is not None:
                request.transport.abort()
            if failure.status is not None or failure.body is not None or failure.drop:
                return _failed(failure)
        if operator is None or not operator.management.known:
            return _problem(404, "unknown operator")
        port = operator.port or self._port_of(operator_id)
        if not port:
            return _problem(503, "the simulator has not written its ports yet")
        return web.json_response(credentials(operator, port))

    def _is_welcome(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    def _port_of(self, operator_id: str) -> int:
        """From the simulator's port file; 0 while it is not there or not for this operator."""
        try:
            ports = json.loads(self._ports.read_text()) if self._ports else {}
        except (OSError, ValueError):
            return 0
        port = ports.get(operator_id, 0)
        return port if isinstance(port, int) else 0


def _problem(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)


def _failed(failure: Failure) -> web.Response:
    status = failure.status or 200
    if failure.body is not None:
        return web.Response(status=status, text=failure.body, content_type="application/json")
    return _problem(status, "scripted failure")
