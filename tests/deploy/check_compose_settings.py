"""What stands in docker/.env reaches whoever reads it, and NATS with users and TLS is told to all of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests import check_docs
from tests.deploy.check_compose import NATS_TLS, OURS, make_secrets
from tests.deploy.tools import DIGEST, DOCKER, Object, composed

READERS = {"G": ("gateway", "doctor"), "W": ("dispatch", "receipts", "doctor"), "D": ("web", "doctor")}
"""Services by the columns of docs/contract.md §12."""


def contracted() -> dict[str, set[str]]:
    """Variable to the services whose role reads it."""
    section = check_docs.read(check_docs.CONTRACT).split("\n## 12. ")[1].split("\n## ")[0]
    found: dict[str, set[str]] = {}
    for names, columns in re.findall(r"^\| (`[^|]+`) \| ([GWD ]+) \|", section, re.MULTILINE):
        services = {service for column in columns.split() for service in READERS[column]}
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), services)
    return found


def told_by_file(folder: Path, given: dict[str, str]) -> dict[str, Object]:
    """The services as compose starts them where docker/.env says what is given."""
    shutil.copy(DOCKER / "compose.yml", folder)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    found: dict[str, Object] = composed(folder=folder)["services"]
    return found


def test_every_variable_of_the_contract_reaches_those_who_read_it(tmp_path: Path) -> None:
    asked = contracted()
    assert len(asked) > 70
    services = told_by_file(tmp_path, {name: f"said-{name.lower()}" for name in asked} | {"BASE_DIGEST": DIGEST})
    for name, readers in asked.items():
        for service in readers:
            assert services[service]["environment"].get(name) == f"said-{name.lower()}", f"{service}: {name}"


def test_without_the_file_it_starts_as_well(tmp_path: Path) -> None:
    shutil.copy(DOCKER / "compose.yml", tmp_path)
    assert set(composed(folder=tmp_path)["services"]) >= OURS


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL", "INTERNAL_SERVICE_TOKEN", "DJANGO_SECRET_KEY"])
def test_a_secret_in_it_does_not_silently_lose(tmp_path: Path, name: str) -> None:
    """Both forms arrive, which the process refuses by name (ghasi.env)."""
    services = told_by_file(tmp_path, {name: "here"})
    for service in contracted()[name]:
        assert {name, f"{name}_FILE"} <= set(services[service]["environment"]), service


def test_certificates_have_a_place_in_every_role() -> None:
    services = composed()["services"]
    for name in OURS - {"simulator", "management"}:
        mounted = {mount["target"]: Path(mount["source"]) for mount in services[name]["volumes"]}
        own = {"doctor": "gateway", "migrate": "web", "sessions-cleanup": "web"}.get(name, name)
        assert mounted["/run/certs/shared"] == DOCKER / "certs" / "shared", name
        assert mounted["/run/certs/own"] == DOCKER / "certs" / own, name


# -- NATS with users and TLS


def secured() -> dict[str, Object]:
    found: dict[str, Object] = composed(overrides=(NATS_TLS,))["services"]
    return found


def test_every_role_is_a_user_with_a_certificate() -> None:
    permitted = set(re.findall(r"^\s+user: (\w+)$", (DOCKER / "nats" / "roles.conf").read_text(), re.MULTILINE))
    users = dict.fromkeys(("migrate", "sessions-cleanup", "doctor"), "web")
    asked = {name: one for name, one in secured().items() if "NATS_URL" in (one.get("environment") or {})}
    assert set(asked) == (OURS | {"provision"}) - {"simulator", "management"}
    for name, one in asked.items():
        told = one["environment"]
        assert told["NATS_URL"] == "tls://nats:4222", name
        assert told["NATS_USER"] == users.get(name, name), name
        assert told["NATS_USER"] in permitted, name
        assert told["NATS_INBOX_PREFIX"] == f"_INBOX.{told['NATS_USER']}", name
        assert told["NATS_PASSWORD_FILE"] == f"/run/secrets/nats-password-{told['NATS_USER']}", name
        assert told["NATS_PASSWORD_FILE"].rpartition("/")[2] in {secret["source"] for secret in one["secrets"]}, name
        mounts = [mount["target"] for mount in one["volumes"]]
        for variable in ("NATS_TLS_CA", "NATS_TLS_CERT", "NATS_TLS_KEY"):
            assert told[variable].rpartition("/")[0] in mounts, f"{name}: {variable}"


def test_the_server_has_every_file_that_its_configuration_names() -> None:
    server = secured()["nats"]
    mounted = {mount["target"] for mount in server["volumes"]} | {one["target"] for one in server["secrets"]}
    texts = [(DOCKER / "nats" / name).read_text() for name in ("nats.conf", "roles.conf")]
    files = {
        name for text in texts for name in re.findall(r"^(?:  \w+_file:|  store_dir:) (\S+)$", text, re.MULTILINE)
    }
    files |= {f"/etc/nats/{name}" for text in texts for name in re.findall(r'^include "(.+)"$', text, re.MULTILINE)}
    assert len(files) == 6
    for path in files:
        assert any(path == target or path.startswith(f"{target}/") for target in mounted), path


def test_who_makes_the_streams_comes_first_and_may_do_no_more() -> None:
    services = secured()
    for name in ("gateway", "dispatch", "receipts", "web"):
        assert services[name]["depends_on"]["provision"]["condition"] == "service_completed_successfully", name
    one = services["provision"]
    assert one["command"] == ["manage", "provision"]
    assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
    assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


def test_the_server_and_the_roles_have_the_same_passwords(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets")
    example = (DOCKER / "nats" / "passwords.conf.example").read_text()
    said = dict(re.findall(r'^(\w+)_PASSWORD: "(\w{32})"$', made["nats-passwords.conf"], re.MULTILINE))
    assert set(said) == set(re.findall(r'^(\w+)_PASSWORD: "', example, re.MULTILINE))
    assert len(set(said.values())) == len(said)
    for role, password in said.items():
        assert made[f"nats-password-{role.lower()}"] == password, role
