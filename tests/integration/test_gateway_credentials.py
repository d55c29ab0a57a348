"""Credentials over real HTTP and HTTPS, and SMPP over TLS."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from structlog.testing import capture_logs

from ghasi.contracts.sessions import State, Wanted
from ghasi.contracts.submission import Fate
from ghasi.env import Env
from ghasi.operator_answer import TlsFiles
from ghasi.operator_management import ManagementConfig
from sessions_gateway import metrics
from sessions_gateway.counted_credentials import CountedCredentials
from sessions_gateway.credentials import CredentialsClient, CredentialsError
from sessions_gateway.gateway import Gateway
from sessions_gateway.tls import TlsUnusable, client_context
from tests.support.gateway import FAST_RETRIES, Management, SmallSmsc, World, credentials, until, world

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"


@pytest.fixture
async def management() -> AsyncIterator[Management]:
    made = Management()
    await made.start()
    made.answers[OPERATOR] = credentials(OPERATOR, 2775)
    yield made
    await made.stop()


def client(management: Management, **changes: Any) -> CredentialsClient:
    config = ManagementConfig(
        f"http://127.0.0.1:{management.port}", Env({"INTERNAL_SERVICE_TOKEN": "token-1"}), timeout=30.0
    )
    return CredentialsClient(replace(config, **changes))


async def refused(client: CredentialsClient) -> CredentialsError:
    with pytest.raises(CredentialsError) as caught:
        await client.fetch(OPERATOR)
    return caught.value


async def test_settings_and_secret_of_an_operator(management: Management) -> None:
    got = await client(management).fetch(OPERATOR)
    assert (got.system_id, got.password) == ("ghasi", "s3cr3t!")
    assert got.settings.hosts == (("127.0.0.1", 2775),)
    assert "s3cr3t!" not in repr(got)
    assert "ghasi" not in repr(got)


@pytest.mark.parametrize(
    ("status", "slow", "reason"),
    [
        (404, True, "unknown operator"),
        (401, True, "token refused by operator management (401)"),
        (403, True, "token refused by operator management (403)"),
        (500, False, "operator management answered 500"),
        (503, False, "operator management answered 503"),
        (302, True, "operator management answered 302"),
        (418, True, "operator management answered 418"),
    ],
)
async def test_each_status_by_what_to_do_next(management: Management, status: int, slow: bool, reason: str) -> None:
    management.status = status
    error = await refused(client(management))
    assert (error.slow, error.reason) == (slow, reason)


async def test_a_token_file_is_read_at_each_use(management: Management, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-0\n")
    asking = client(management, env=Env({"INTERNAL_SERVICE_TOKEN_FILE": str(token)}))
    assert (await refused(asking)).slow
    token.write_text("token-1\n")
    assert (await asking.fetch(OPERATOR)).system_id == "ghasi"
    token.unlink()
    error = await refused(asking)
    assert error.slow
    assert "INTERNAL_SERVICE_TOKEN_FILE" in error.reason


async def test_a_token_rotated_during_the_request_is_tried_once_more(management: Management, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-0")
    management.delay = 0.2
    asking = client(management, env=Env({"INTERNAL_SERVICE_TOKEN_FILE": str(token)}))
    fetch = asyncio.create_task(asking.fetch(OPERATOR))
    await until(lambda: management.asked)
    token.write_text("token-1")
    assert (await fetch).system_id == "ghasi"
    assert len(management.asked) == 2


async def test_slow_and_absent_management(management: Management) -> None:
    management.delay = 60.0
    error = await refused(client(management, timeout=0.1))
    assert (error.slow, error.reason) == (False, "operator management does not answer")
    error = await refused(client(management, url="http://127.0.0.1:9"))
    assert not error.slow
    assert error.reason.startswith("operator management cannot be reached")


async def test_an_answer_too_long_or_unfit_is_refused(management: Management) -> None:
    management.raw = b" " * 70_000
    assert "too long" in (await refused(client(management))).reason
    management.raw = json.dumps(credentials(OPERATOR, 2775, password="123456789")).encode()
    error = await refused(client(management))
    assert error.slow
    assert error.reason == "credentials refused: password is longer than 8 octets"


def pem(folder: Path, name: str, blob: trustme.Blob) -> str:
    path = folder / name
    blob.write_to_path(path)
    return str(path)


def server_context(ca: trustme.CA, *names: str, clients: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    if clients:
        ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_management_over_mutual_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    identity = ca.issue_cert("gateway@example.org")
    made = Management(tls=server_context(ca, "127.0.0.1", clients=True))
    await made.start()
    made.answers[OPERATOR] = credentials(OPERATOR, 2775)
    try:
        trusted = {"url": f"https://127.0.0.1:{made.port}", "ca": Path(pem(tmp_path, "ca", ca.cert_pem))}
        own = {
            "client_cert": Path(pem(tmp_path, "cert", identity.cert_chain_pems[0])),
            "client_key": Path(pem(tmp_path, "key", identity.private_key_pem)),
        }
        assert (await client(made, **trusted, **own).fetch(OPERATOR)).system_id == "ghasi"
        assert not (await refused(client(made, **trusted))).slow
        assert not (await refused(client(made, url=trusted["url"], **own))).slow
    finally:
        await made.stop()


async def bound_over_tls(place: World, **tls: Any) -> World:
    place.allow(tls=tls)
    await place.gateway(bound=False)
    return place


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls_place(nats_url: str, redis_url: str, authority: trustme.CA) -> AsyncIterator[World]:
    smsc = SmallSmsc(tls=server_context(authority, "smsc.example.org", clients=True))
    async with world(nats_url, redis_url, smsc=smsc) as made:
        yield made


async def test_smpp_over_tls_with_ca_client_certificate_and_server_name(
    tls_place: World, authority: trustme.CA, tmp_path: Path
) -> None:
    names: list[str | None] = []
    tls_place.smsc.tls.sni_callback = lambda socket, name, context: names.append(name)
    identity = authority.issue_cert("gateway@example.org")
    tls_place.allow(
        tls={
            "ca": pem(tmp_path, "ca", authority.cert_pem),
            "cert": pem(tmp_path, "cert", identity.cert_chain_pems[0]),
            "key": pem(tmp_path, "key", identity.private_key_pem),
            "serverName": "smsc.example.org",
        }
    )
    gateway = await tls_place.gateway()
    assert names == ["smsc.example.org"]
    answer = await tls_place.submit(gateway, [b"one"])
    assert answer.fates[0].operator_message_id == "id-1"
    series = expiry_series(gateway)
    assert series["client"] == expiry_of(identity)
    assert series["server"] > series["client"] - 86_400


def expiry_of(made: trustme.LeafCert) -> float:
    read = x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes())
    return read.not_valid_after_utc.timestamp()


def expiry_series(gateway: Gateway) -> dict[str, float]:
    """smpp_connector_tls_expires_timestamp_seconds as /metrics shows it, by certificate."""
    text = gateway.metrics.render().decode()
    found = re.findall(r'smpp_connector_tls_expires_timestamp_seconds{.*certificate="(\w+)".*} (\S+)', text)
    return {certificate: float(value) for certificate, value in found}


async def test_a_certificate_that_ends_soon_is_said_at_each_bind(
    nats_url: str, redis_url: str, authority: trustme.CA, tmp_path: Path
) -> None:
    soon = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=3))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    soon.configure_cert(context)
    async with world(nats_url, redis_url, smsc=SmallSmsc(tls=context)) as place:
        place.allow(tls={"ca": pem(tmp_path, "ca", authority.cert_pem)})
        with capture_logs() as logs:
            gateway = await place.gateway()
    (line,) = [one for one in logs if one["event"] == "tls.expires_soon"]
    assert (line["subject"], line["operatorId"]) == ("server", place.operator_id)
    assert 2.9 * 86_400 < line["seconds"] <= 3 * 86_400
    assert expiry_series(gateway) == {"server": expiry_of(soon)}


async def test_a_rotated_client_certificate_counts_at_the_next_request_and_the_next_bind(
    tls_place: World, authority: trustme.CA, tmp_path: Path
) -> None:
    """What is served over TLS asks whose certificate it was; the gateway is not restarted."""
    cert, key = tmp_path / "cert", tmp_path / "key"

    def rotate(days: int) -> trustme.LeafCert:
        made = authority.issue_cert("gateway@example.org", not_after=datetime.now(UTC) + timedelta(days=days))
        made.cert_chain_pems[0].write_to_path(cert)
        made.private_key_pem.write_to_path(key)
        return made

    first = rotate(100)
    ca = pem(tmp_path, "ca", authority.cert_pem)
    tls_place.allow(tls={"ca": ca, "cert": str(cert), "key": str(key), "serverName": "smsc.example.org"})
    gateway = await tls_place.gateway()
    assert expiry_series(gateway)["client"] == expiry_of(first)
    second = rotate(200)
    binds = len(tls_place.smsc.binds)
    gateway.operators[tls_place.operator_id].rebind("rotated")
    await until(lambda: len(tls_place.smsc.binds) > binds)
    await until(lambda: expiry_series(gateway)["client"] == expiry_of(second))


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        (True, "TLS: "),
        ({"serverName": "smsc.example.org"}, "TLS: "),
        ({"ca": "/no/such/file"}, "tls.ca: FileNotFoundError"),
    ],
)
async def test_tls_that_does_not_fit_is_named(tls_place: World, tls: Any, reason: str) -> None:
    tls_place.allow(tls=tls)
    gateway = await tls_place.gateway(bound=False)
    operator = gateway.operators[tls_place.operator_id]
    await until(lambda: operator.reason)
    assert operator.reason.startswith(reason)
    assert not tls_place.smsc.binds


async def test_the_certificate_of_another_host_is_refused(
    tls_place: World, authority: trustme.CA, tmp_path: Path
) -> None:
    tls_place.allow(tls={"ca": pem(tmp_path, "ca", authority.cert_pem), "serverName": "other.example.org"})
    gateway = await tls_place.gateway(bound=False)
    operator = gateway.operators[tls_place.operator_id]
    await until(lambda: operator.reason)
    assert "Hostname mismatch" in operator.reason


def test_a_client_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ca = trustme.CA()
    path = pem(tmp_path, "ca", ca.cert_pem)
    with pytest.raises(TlsUnusable, match=r"tls\.cert, tls\.key: FileNotFoundError"):
        client_context(TlsFiles(ca=path, cert="/no/such/file"))
    with pytest.raises(TlsUnusable, match=r"tls\.cert, tls\.key: SSLError"):
        client_context(TlsFiles(ca=path, cert=path))


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


async def test_live_sessions_stay_while_management_is_away_and_new_binds_back_off(place: World) -> None:
    gateway = await place.gateway()
    operator = gateway.operators[place.operator_id]
    port = place.management.port
    await place.management.stop()
    asked = len(place.management.asked)
    await asyncio.sleep(1.0)
    assert (await place.submit(gateway, [b"one"])).fates[0].fate is Fate.ACCEPTED
    assert (len(place.smsc.binds), len(place.smsc.bound)) == (1, 1), "a session needs its credentials once"
    place.smsc.drop()
    with capture_logs() as lines:
        await until(lambda: operator.record().reconnect_attempts >= 3)
    assert operator.state() is State.UNBOUND
    assert operator.record().reason == "operator management cannot be reached: ClientConnectorError"
    assert operator.wanted.wanted is Wanted.BOUND, "no person is needed"
    assert [line["event"] for line in lines if line["log_level"] == "warning"].count("smpp.bind.failed") <= 1
    assert not [line for line in lines if line["log_level"] == "error"]
    await place.management.start(port)
    await until(lambda: operator.is_bound)
    assert len(place.management.asked) == asked + 1


@pytest.mark.parametrize(
    ("status", "slow", "reason"),
    [
        (404, True, "unknown operator"),
        (401, True, "token refused by operator management (401)"),
        (403, True, "token refused by operator management (403)"),
        (500, False, "operator management answered 500"),
        (503, False, "operator management answered 503"),
    ],
)
async def test_what_management_refuses_is_shown_logged_and_tried_again(
    place: World, status: int, slow: bool, reason: str
) -> None:
    place.management.status = status
    retries = replace(FAST_RETRIES, reconnect=(0.1,), slow=3.0)
    with capture_logs() as lines:
        gateway = await place.gateway(place.config(retries=retries), bound=False)
        operator = gateway.operators[place.operator_id]
        await until(lambda: operator.record().reason)
        first = len(place.management.asked)
        if slow:
            await asyncio.sleep(0.5)
            assert len(place.management.asked) == first
        else:
            await until(lambda: len(place.management.asked) >= first + 2)
    assert (operator.state(), operator.record().reason) == (State.UNBOUND, reason)
    events = {(line["event"], line["log_level"]) for line in lines if line.get("reason") == reason}
    assert ("smpp.bind.failed", "warning") in events
    assert (("smpp.credentials.not_given", "error") in events) is slow
    assert operator.wanted.wanted is Wanted.BOUND
    place.management.status = 0
    await until(lambda: operator.is_bound)


async def test_credentials_that_were_not_given_are_counted_by_why(management: Management) -> None:
    made = metrics.Metrics()
    made.operator(OPERATOR)

    def counted() -> list[float | None]:
        name = "smpp_connector_credentials_failures_total"
        kinds = ("away", "refused")
        return [made.registry.get_sample_value(name, {"operator_id": OPERATOR, "kind": one}) for one in kinds]

    config = ManagementConfig(f"http://127.0.0.1:{management.port}", Env({"INTERNAL_SERVICE_TOKEN": "token-1"}))
    asking = CountedCredentials(config).counted_in(made)
    assert counted() == [0.0, 0.0]
    management.status = 503
    await refused(asking)
    assert counted() == [1.0, 0.0]
    management.status = 404
    await refused(asking)
    assert counted() == [1.0, 1.0]
    management.status = 0
    management.answers[OPERATOR]["tpsLimit"] = "many"
    await refused(asking)
    assert counted() == [1.0, 2.0]
