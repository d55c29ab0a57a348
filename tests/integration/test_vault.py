"""ghasi.vault over real HTTP, against a stand-in that speaks Vault's documented answers (tests/support/vault.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ghasi.credential_source import source_from_env
from ghasi.env import Env, SettingsError
from ghasi.operator_answer import BindMode
from ghasi.operator_management import CredentialsError, ManagementConfig
from ghasi.vault import VaultClient, VaultConfig
from sessions_gateway.credentials import CredentialsClient
from tests.support.vault import VaultStandIn

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
SECRET = {
    "host": "smsc.example",
    "port": 2775,
    "systemId": "ghasi",
    "password": "s3cr3t!",
    "tpsLimit": 100,
    "bindMode": "TRANSMITTER",
    "backupOperatorId": None,
}


@pytest.fixture
async def vault() -> AsyncIterator[VaultStandIn]:
    made = VaultStandIn(secrets={f"smpp/{OPERATOR}": dict(SECRET)}, roles={"smpp-gateway": "jwt-1"})
    await made.start()
    yield made
    await made.stop()


def settings(vault: VaultStandIn, **changes: str) -> Env:
    return Env(
        {
            "CREDENTIALS_SOURCE": "vault",
            "VAULT_ADDR": f"http://127.0.0.1:{vault.port}",
            "VAULT_TOKEN": "token-1",
            "VAULT_TIMEOUT": "1",
            **changes,
        }
    )


def client(vault: VaultStandIn, **changes: str) -> CredentialsClient:
    return CredentialsClient(source_from_env(settings(vault, **changes)))


async def refused(asking: CredentialsClient) -> CredentialsError:
    with pytest.raises(CredentialsError) as caught:
        await asking.fetch(OPERATOR)
    for secret in ("s3cr3t!", "token-1", "jwt-"):
        assert secret not in str(caught.value)
    return caught.value


async def test_a_secret_is_read_as_operator_management_would_answer_it(vault: VaultStandIn) -> None:
    got = await client(vault).fetch(OPERATOR)
    assert (got.system_id, got.password) == ("ghasi", "s3cr3t!")
    assert got.settings.hosts == (("smsc.example", 2775),)
    assert got.settings.bind_mode is BindMode.TRANSMITTER
    (asked,) = vault.asked
    assert asked.path == f"/v1/secret/data/smpp/{OPERATOR}"
    assert "X-Vault-Namespace" not in asked.headers


async def test_what_vault_s_command_line_wrote_is_text_and_is_read_all_the_same(vault: VaultStandIn) -> None:
    vault.secrets[f"team/smpp/{OPERATOR}"] = {
        "host": "",
        "port": "2775",
        "hosts": '["a.example:2775", "b.example:2776"]',
        "systemId": "12345",
        "password": "00000001",
        "tpsLimit": "50",
        "maxBinds": "2",
        "tls": "true",
        "backupOperatorId": "",
    }
    got = await client(vault, VAULT_PATH="/team/smpp/", VAULT_NAMESPACE="ns1").fetch(OPERATOR)
    assert (got.system_id, got.password) == ("12345", "00000001")
    assert got.settings.hosts == (("a.example", 2775), ("b.example", 2776))
    assert (got.settings.tps_limit, got.settings.max_binds) == (50, 2)
    assert got.settings.tls is not None
    assert got.settings.backup_operator_id is None
    assert vault.asked[0].headers["X-Vault-Namespace"] == "ns1"


@pytest.mark.parametrize(
    ("status", "slow", "reason"),
    [
        (503, False, "Vault answered 503"),
        (500, False, "Vault answered 500"),
        (429, False, "Vault answered 429"),
        (473, False, "Vault answered 473"),
        (404, True, "unknown operator"),
        (403, True, "token refused by Vault (403)"),
        (400, True, "Vault answered 400"),
        (307, True, "Vault answered 307"),
    ],
)
async def test_each_status_by_what_to_do_next(vault: VaultStandIn, status: int, slow: bool, reason: str) -> None:
    vault.status = status
    error = await refused(client(vault))
    assert (error.slow, error.reason) == (slow, reason)


async def test_unknown_deleted_and_unfit_secrets(vault: VaultStandIn) -> None:
    vault.secrets[f"smpp/{OPERATOR}"] = None
    assert (await refused(client(vault))).reason == "unknown operator"
    vault.secrets = {}
    assert (await refused(client(vault))).reason == "unknown operator"
    vault.secrets = {f"smpp/{OPERATOR}": {**SECRET, "password": "123456789"}}
    assert (await refused(client(vault))).reason == "credentials refused: password is longer than 8 octets"
    for raw in (b"<html>", b"{}", b'{"data": {"data": 5}}', b'{"data": {}}', b"\xff"):
        vault.raw = raw
        assert (await refused(client(vault))).slow


async def test_a_token_file_is_read_at_each_use(vault: VaultStandIn, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("token-0\n")
    asking = client(vault, VAULT_TOKEN="", VAULT_TOKEN_FILE=str(path))
    assert (await refused(asking)).slow
    path.write_text("token-1\n")
    assert (await asking.fetch(OPERATOR)).password == "s3cr3t!"
    path.unlink()
    assert "VAULT_TOKEN_FILE" in (await refused(asking)).reason


def kubernetes(vault: VaultStandIn, jwt: Path) -> Env:
    return settings(
        vault, VAULT_TOKEN="", VAULT_AUTH="kubernetes", VAULT_ROLE="smpp-gateway", VAULT_JWT_PATH=str(jwt)
    )


async def test_a_service_account_logs_in_once_and_again_when_its_login_is_old(
    vault: VaultStandIn, tmp_path: Path
) -> None:
    jwt = tmp_path / "jwt"
    jwt.write_text("jwt-1\n")
    now = 1000.0
    asking = VaultClient(VaultConfig.from_env(kubernetes(vault, jwt)), lambda: now)
    for _ in range(3):
        assert b"s3cr3t!" in await asking.fetch_answer(OPERATOR)
    assert vault.logins == 1
    now += 3600 * 2 / 3
    await asking.fetch_answer(OPERATOR)
    assert vault.logins == 2


async def test_a_login_that_was_revoked_is_made_anew_at_once(vault: VaultStandIn, tmp_path: Path) -> None:
    jwt = tmp_path / "jwt"
    jwt.write_text("jwt-1")
    asking = CredentialsClient(source_from_env(kubernetes(vault, jwt)))
    await asking.fetch(OPERATOR)
    vault.tokens.clear()
    assert (await asking.fetch(OPERATOR)).password == "s3cr3t!"
    assert vault.logins == 2


async def test_operators_that_are_bound_together_share_a_login(vault: VaultStandIn, tmp_path: Path) -> None:
    """A revoked one too: who hears of it late must not throw away what another has just got."""
    jwt = tmp_path / "jwt"
    jwt.write_text("jwt-1")
    asking = VaultClient(VaultConfig.from_env(kubernetes(vault, jwt)))
    for logins in (1, 2):
        answers = await asyncio.gather(*(asking.fetch_answer(OPERATOR) for _ in range(20)))
        assert all(b"s3cr3t!" in one for one in answers)
        assert vault.logins == logins
        vault.tokens.clear()


async def test_a_login_that_is_refused_says_so(vault: VaultStandIn, tmp_path: Path) -> None:
    jwt = tmp_path / "jwt"
    asking = CredentialsClient(source_from_env(kubernetes(vault, jwt)))
    assert "VAULT_JWT_PATH" in (await refused(asking)).reason
    jwt.write_text("jwt-stolen")
    assert (await refused(asking)).reason == "login refused by Vault (403)"
    vault.roles = {}
    assert (await refused(asking)).reason == "login refused by Vault (400)"


async def test_a_vault_that_is_away_is_tried_again(vault: VaultStandIn) -> None:
    asking = client(vault)
    await vault.stop()
    error = await refused(asking)
    assert not error.slow
    assert error.reason.startswith("Vault cannot be reached")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"VAULT_ADDR": ""}, "VAULT_ADDR"),
        ({"VAULT_TOKEN": ""}, "VAULT_TOKEN"),
        ({"VAULT_AUTH": "kubernetes"}, "VAULT_ROLE"),
        ({"VAULT_AUTH": "ldap"}, "VAULT_AUTH"),
        ({"VAULT_PATH": "smpp/../root"}, "VAULT_PATH"),
        ({"VAULT_CLIENT_CERT": __file__}, "VAULT_CLIENT_CERT"),
        ({"CREDENTIALS_SOURCE": "consul"}, "CREDENTIALS_SOURCE"),
    ],
)
async def test_settings_that_do_not_fit_are_refused_by_name(
    vault: VaultStandIn, changes: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        source_from_env(settings(vault, **changes))


def test_operator_management_is_the_source_where_nothing_is_said() -> None:
    config = source_from_env(Env({"OPERATOR_MGMT_URL": "http://x", "INTERNAL_SERVICE_TOKEN": "t"}))
    assert isinstance(config, ManagementConfig)
