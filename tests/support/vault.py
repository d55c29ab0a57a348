"""A stand-in for HashiCorp Vault: the two endpoints we use, answering as its HTTP API documents them (KV version 2,
"Read secret version"; Kubernetes auth method, "Login"). It is not Vault: nothing here proves how one behaves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(eq=False)
class VaultStandIn:
    """`secrets` by path below the mount "secret"; `tokens` are let in; `roles`: the JWT a role may log in with."""

    secrets: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"token-1"})
    roles: dict[str, str] = field(default_factory=dict)
    lease: int = 3600
    status: int = 200
    raw: bytes | None = None
    logins: int = 0
    asked: list[web.Request] = field(default_factory=list)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/secret/data/{path:.*}", self._read)
        app.router.add_post("/v1/auth/{mount}/login", self._log_in)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _read(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if self.status != 200:
            return web.json_response({"errors": ["Vault is sealed"]}, status=self.status)
        if request.headers.get("X-Vault-Token") not in self.tokens:
            return web.json_response({"errors": ["permission denied"]}, status=403)
        if self.raw is not None:
            return web.Response(body=self.raw)
        path = request.match_info["path"]
        if path not in self.secrets:
            return web.json_response({"errors": []}, status=404)
        secret = self.secrets[path]
        metadata = {
            "created_time": "2026-03-22T02:24:06.945319214Z",
            "custom_metadata": None,
            "deletion_time": "" if secret is not None else "2026-03-22T02:36:43.986212308Z",
            "destroyed": False,
            "version": 2,
        }
        answer = {
            "request_id": str(uuid.uuid4()),
            "lease_id": "",
            "renewable": False,
            "lease_duration": 0,
            "data": {"data": secret, "metadata": metadata},
            "wrap_info": None,
            "warnings": None,
            "auth": None,
        }
        # A deleted version is there and has no data.
        return web.json_response(answer, status=200 if secret is not None else 404)

    async def _log_in(self, request: web.Request) -> web.Response:
        given = await request.json()
        if given.get("role") not in self.roles:
            return web.json_response({"errors": [f'invalid role name "{given.get("role")}"']}, status=400)
        if given.get("jwt") != self.roles[given["role"]]:
            return web.json_response({"errors": ["permission denied"]}, status=403)
        self.logins += 1
        token = f"hvs.{uuid.uuid4().hex}"
        self.tokens.add(token)
        auth = {
            "client_token": token,
            "accessor": "0e9e354a-520f-df04-6867-ee81cae3d42d",
            "policies": ["default", "smpp"],
            "metadata": {"role": given["role"]},
            "lease_duration": self.lease,
            "renewable": True,
        }
        return web.json_response({"auth": auth, "warnings": None, "lease_id": "", "data": None})
