"""docker/compose.yml as Compose reads it, what its services are told, the files they mount; without an engine."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import redis
import yaml
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from ghasi.container import roles
from ghasi.container.roles import ROLES
from ghasi.devstack import binaries
from ghasi.devstack.ports import free_port
from tests.deploy.tools import DOCKER, ROOT, Object, composed, settings, tool

NATS_TLS = "compose/nats-tls.yml"
SECRET_WORDS = re.compile(r"password|secret|token|://[^/]*:[^/]*@", re.IGNORECASE)
OURS = {"gateway", "dispatch", "receipts", "web", "migrate", "sessions-cleanup", "doctor", "simulator", "management"}
SHELLS = {"sessions-cleanup", "management"}
SERVERS = {"nats", "postgres", "valkey", "volumes", "prometheus", "alertmanager", "grafana"}
services: dict[str, Object] = {}


@pytest.fixture(autouse=True)
def _services() -> None:
    services.update(composed()["services"])


def every() -> list[tuple[str, Object]]:
    return sorted(services.items())


def test_the_services_are_those_we_know() -> None:
    assert set(services) == OURS | SERVERS
    profiles = {name: one["profiles"] for name, one in every() if one.get("profiles")}
    assert profiles == {
        "simulator": ["simulator"],
        "management": ["simulator"],
        "prometheus": ["observability"],
        "alertmanager": ["observability"],
        "grafana": ["observability"],
        "doctor": ["tools"],
    }


def test_no_container_may_do_more_than_it_needs() -> None:
    for name, one in every():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in one, name
        assert name == "volumes" or int(one["user"].split(":")[0]) > 0, name
        assert name == "volumes" or "cap_add" not in one, name
    assert services["volumes"]["network_mode"] == "none", "the one that is root talks to nobody"


def test_every_container_has_limits() -> None:
    for name, one in every():
        assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name


def test_images_of_others_are_pinned_by_digest() -> None:
    for name in SERVERS:
        assert re.fullmatch(r"[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}", services[name]["image"]), name


def test_our_commands_are_roles() -> None:
    for name in OURS - SHELLS:
        assert services[name]["command"][0] in ROLES, name
        assert "entrypoint" not in services[name] or services[name]["entrypoint"] is None, name


def test_old_sessions_are_cleared_again_and_again(tmp_path: Path) -> None:
    """What it runs, in a shell of ours whose Python and sleep say that they were called."""
    one = services["sessions-cleanup"]
    assert one["entrypoint"][:2] == ["dumb-init", "--"]
    assert one["restart"] == "unless-stopped"
    assert not one.get("profiles"), "it runs wherever the admin does"
    assert one["environment"]["DATABASE_URL_FILE"] == "/run/secrets/database-url"
    called = tmp_path / "called"
    for name, after in {"python": "", "sleep": f'[ "$(wc -l < {called})" -lt 4 ]'}.items():
        fake = tmp_path / name
        fake.write_text(f'#!/bin/sh\necho "{name} $*" >> {called}\n{after}\n')
        fake.chmod(0o755)
    argv = [*one["entrypoint"][2:], *one["command"]]
    done = subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, timeout=30)
    assert done.returncode, "what fails ends the container, which is started again"
    day = ["python manage.py clearsessions", "sleep 86400"]
    assert called.read_text().splitlines() == day * 2


def test_every_variable_is_one_of_the_contract() -> None:
    for name in OURS:
        assert set(services[name].get("environment") or {}) <= settings(), name


def test_the_doctor_is_told_what_the_roles_are_and_reaches_what_they_reach() -> None:
    doctor = services["doctor"]
    told, own = doctor["environment"], {"GATEWAY_REPLICA", "GATEWAY_SOLE"}
    for name in ("gateway", "dispatch", "receipts"):
        assert (services[name]["environment"].items() - told.items()) == {
            (key, value) for key, value in services[name]["environment"].items() if key in own
        }, name
        assert set(services[name]["networks"]) <= set(doctor["networks"]), name
    assert told["NATS_MONITOR_URL"] == "http://nats:8222"
    assert re.search(r"^http: 0\.0\.0\.0:8222$", (DOCKER / "compose" / "nats.conf").read_text(), re.MULTILINE)
    assert doctor["restart"] == "no", "a finding is no reason to look again at once"


def test_what_the_documents_tell_to_set_reaches_the_web_process() -> None:
    """docs/operations.md, "On one machine": behind a proxy."""
    given = {
        "DJANGO_HTTPS": "1",
        "DJANGO_ALLOWED_HOSTS": "sms.example.com",
        "DJANGO_CSRF_TRUSTED_ORIGINS": "https://sms.example.com",
        "ADMIN_TRUSTED_PROXIES": "1",
    }
    told = composed(tuple(given.items()))["services"]["web"]["environment"]
    assert {name: told.get(name) for name in given} == given


def test_secrets_come_by_file() -> None:
    for name, one in every():
        mounted = {f"/run/secrets/{secret['source']}" for secret in one.get("secrets", [])}
        for variable, value in (one.get("environment") or {}).items():
            if variable.endswith("_FILE"):
                assert value in mounted, f"{name}: {variable}"
            else:
                assert not SECRET_WORDS.search(f"{variable}={value}"), f"{name}: {variable}"


def test_servers_are_on_the_inner_network_only() -> None:
    assert composed()["networks"]["inside"]["internal"] is True
    for name in ("nats", "postgres", "valkey"):
        assert set(services[name]["networks"]) == {"inside"}, name
        assert "ports" not in services[name], name
    for name, one in every():
        assert all(port["host_ip"] == "127.0.0.1" for port in one.get("ports", [])), name


def test_there_is_time_to_stop() -> None:
    for name in ("gateway", "dispatch", "receipts"):
        assert services[name]["stop_grace_period"] == "50s", name


def test_servers_keep_what_they_acknowledge() -> None:
    command = " ".join(services["postgres"]["command"])
    for setting in ("fsync=on", "synchronous_commit=on", "full_page_writes=on"):
        assert f"-c {setting}" in command
    assert re.search(r"^  sync_interval: always$", (DOCKER / "compose" / "nats.conf").read_text(), re.MULTILINE)


def test_every_server_says_when_it_is_ready() -> None:
    for name in SERVERS - {"volumes"}:
        assert services[name]["healthcheck"]["test"], name
    waits = {name: one.get("depends_on", {}) for name, one in every()}
    for name in ("dispatch", "receipts", "web", "sessions-cleanup"):
        assert waits[name]["migrate"]["condition"] == "service_completed_successfully", name
    assert waits["migrate"]["postgres"]["condition"] == "service_healthy"


def test_every_file_that_is_mounted_is_there() -> None:
    for name, one in every():
        for mount in one.get("volumes", []):
            assert mount["type"] == "volume" or Path(mount["source"]).exists(), f"{name}: {mount['source']}"
            assert mount["type"] == "volume" or mount["read_only"] is True, name


def test_the_example_names_every_variable_that_is_required() -> None:
    text = (DOCKER / "compose.yml").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", (DOCKER / "env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+):\?", text)) <= named
    assert named <= set(re.findall(r"\$\{(\w+)", text)) | settings()


# -- the files


def test_shell_scripts_are_sound() -> None:
    tool("shellcheck", *sorted(DOCKER.glob("*.sh")))


def test_the_server_takes_the_configuration_of_nats(tmp_path: Path) -> None:
    text = (DOCKER / "compose" / "nats.conf").read_text().replace("/data", str(tmp_path))
    config = tmp_path / "nats.conf"
    config.write_text(text)
    done = subprocess.run(
        [str(binaries.nats_server()), "--config", str(config), "-t"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_server_takes_the_configuration_of_valkey(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets")
    port = free_port()
    config = tmp_path / "valkey.conf"
    config.write_text(made["valkey.conf"].replace("port 6379", f"port {port}").replace("/data", str(tmp_path)))
    url = made["redis-url"].replace("@valkey:6379", f"@127.0.0.1:{port}")
    with subprocess.Popen([str(binaries.valkey_server()), str(config)], stdout=subprocess.DEVNULL) as server:
        try:
            client = redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), 200))
            assert client.ping()
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=port).ping()
        finally:
            server.terminate()


def test_prometheus_asks_every_role_where_it_answers() -> None:
    """docker/observability/prometheus.yml names the services, and the ports that their roles have by themselves."""
    config = yaml.safe_load((DOCKER / "observability" / "prometheus.yml").read_text())
    asked = {target for job in config["scrape_configs"] for one in job["static_configs"] for target in one["targets"]}
    pools = {f"{name}:{port}" for name, port in roles.POOLS.items()}
    assert asked >= {f"gateway:{roles.GATEWAY_PORT}", f"web:{roles.WEB_PORT}"} | pools
    assert {target.split(":")[0] for target in asked} <= set(services)


def test_prometheus_tells_alertmanager() -> None:
    """As docker/observability/prometheus.yml names it, on a network that both are on and that leads out."""
    config = yaml.safe_load((DOCKER / "observability" / "prometheus.yml").read_text())
    (told,) = [one["static_configs"] for one in config["alerting"]["alertmanagers"]]
    assert told == [{"targets": ["alertmanager:9093"]}]
    one = services["alertmanager"]
    assert [port["target"] for port in one["ports"]] == [9093]
    shared = set(one["networks"]) & set(services["prometheus"]["networks"])
    assert shared == {"front"}
    mounted = {mount["target"] for mount in one["volumes"]}
    named = [part.partition("=")[2] for part in one["command"] if part.startswith(("--config", "--storage"))]
    assert set(named) == mounted


def test_grafana_finds_what_it_is_provisioned_with() -> None:
    """What docker/observability/grafana/provisioning names: folders are mounted, and the server is there."""
    mounted = {mount["target"]: Path(mount["source"]) for mount in services["grafana"]["volumes"]}
    provisioning = mounted["/etc/grafana/provisioning"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "smpp-connector.yml").read_text())["providers"]
    assert len(list(mounted[provider["options"]["path"]].glob("*.json"))) == 5
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert set(services["prometheus"]["networks"]) & set(services["grafana"]["networks"])


def test_the_simulator_takes_its_scenario() -> None:
    scenario = DOCKER / "compose" / "simulator.yaml"
    argv = [str(ROOT / ".venv" / "bin" / "python"), "manage.py", "simulate", str(scenario), "--check"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ids = set(re.findall(r"- id: (\S+)", scenario.read_text()))
    assert set(services["dispatch"]["environment"]["OPERATOR_IDS"].split(",")) == ids


def make_secrets(folder: Path) -> dict[str, str]:
    subprocess.run(["sh", str(DOCKER / "make-secrets.sh"), str(folder)], check=True, capture_output=True)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = make_secrets(folder)
    secrets = composed(overrides=(NATS_TLS,))["secrets"]
    only_for_others = {"nats-password-orchestrator", "nats-password-probe", "nats-password-operations"}
    assert set(made) - only_for_others == {Path(one["file"]).name for one in secrets.values()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in folder.iterdir()} == {0o444}
    assert made["database-url"] == "postgresql://connector@postgres:5432/connector"
    assert re.fullmatch(r"\w{32}", made["postgres-password"])
    (password,) = re.findall(r"^requirepass (\w{32})$", made["valkey.conf"], re.MULTILINE)
    assert made["redis-url"] == f"redis://:{password}@valkey:6379/0"
    assert make_secrets(folder) == made
