"""Every file that a container is told of is mounted there: named by a variable, or inside a URL of a secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.deploy.check_manifests import OWN_KINDS, containers, of_kind, secrets_of, template, variables
from tests.deploy.tools import DOCKER, KUBERNETES, OVERLAYS, Object, built, tool

TLS = "tls"
"""tests/deploy/overlays/tls: production with each component for TLS, whose URLs name files."""
PRODUCTION = DOCKER / "kubernetes" / "overlays" / "production"
IN_URL = re.compile(r"[?&]\w+=(/[^&]+)")


def contents(overlay: str, pod: Object, container: Object) -> Iterator[tuple[str, str]]:
    """Variable and text of each file of a secret that the overlay itself holds."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    made = {one["metadata"]["name"]: one.get("data", {}) for one in of_kind(overlay, "Secret")}
    for variable, path in variables(overlay, container).items():
        folder, _, key = path.rpartition("/")
        for mount in container["volumeMounts"]:
            for secret in secrets_of(volumes[mount["name"]]) if mount["mountPath"] == folder else []:
                if key in made.get(secret, {}):
                    yield variable, base64.b64decode(made[secret][key]).decode()


def files(overlay: str, pod: Object, container: Object) -> Iterator[tuple[str, str]]:
    """Variable and path."""
    for variable, value in variables(overlay, container).items():
        if value.startswith("/"):
            yield variable, value
    for variable, text in contents(overlay, pod, container):
        yield from ((variable, path) for path in IN_URL.findall(text))


@pytest.mark.parametrize("overlay", [*OVERLAYS, TLS])
def test_every_file_that_is_named_is_mounted(overlay: str) -> None:
    for name, pod, container in containers(overlay):
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for variable, path in files(overlay, pod, container):
            assert any(path.startswith(f"{mount}/") for mount in mounts), (
                f"{name} {container['name']}: {variable} {path}"
            )


def test_the_components_for_tls_are_valid() -> None:
    text = yaml.safe_dump_all(one for one in built(TLS) if one["apiVersion"] not in OWN_KINDS)
    tool("kubernetes-validate", "--strict", "--quiet", "-k", KUBERNETES, "-", given=text)


def test_those_who_wait_for_the_tables_have_the_authority_too() -> None:
    waiting = [
        (name, [path for variable, path in files(TLS, pod, container) if variable == "DATABASE_URL_FILE"])
        for name, pod, container in containers(TLS)
        if container["name"] == "migrated"
    ]
    assert {name for name, _ in waiting} == {"dispatch", "receipts", "web"}
    for name, paths in waiting:
        assert "/run/config/postgres-ca/ca.crt" in paths, name


def test_the_components_give_the_variables_of_their_server() -> None:
    told = {name: variables(TLS, container) for name, _, container in containers(TLS) if container["name"] == name}
    redis = {
        name for name, given in told.items() if {"REDIS_TLS_CA", "REDIS_TLS_CERT", "REDIS_TLS_KEY"} <= set(given)
    }
    assert redis == {name for name, given in told.items() if "REDIS_URL_FILE" in given}
    assert {"OPERATOR_MGMT_CA", "OPERATOR_MGMT_CLIENT_CERT", "OPERATOR_MGMT_CLIENT_KEY"} <= set(told["gateway"])


def test_production_says_where_each_server_is() -> None:
    """servers.yaml and operators.yaml: no address is the base's alone to say, but those of names."""
    said = {
        policy["metadata"]["name"]
        for name in ("servers.yaml", "operators.yaml")
        for policy in yaml.safe_load_all((PRODUCTION / name).read_text())
    }
    rules = {one["metadata"]["name"] for one in of_kind("production", "NetworkPolicy") if len(one["spec"]) > 2}
    assert said == rules - {"names"}


def test_the_namespace_is_there_before_what_goes_into_it() -> None:
    """The order of docs/operations.md, "On Kubernetes"."""
    steps = (
        (DOCKER.parent / "docs" / "operations.md").read_text().split("### On Kubernetes\n")[1].split("\n| what")[0]
    )
    assert steps.index("namespace.yaml") < steps.index("Make the secrets") < steps.index("kubectl apply -k")
    (namespace,) = yaml.safe_load_all((PRODUCTION / "namespace.yaml").read_text())
    assert {one["metadata"]["namespace"] for one in of_kind("production", "Deployment")} == {
        namespace["metadata"]["name"]
    }


def test_what_one_more_operator_needs_is_told() -> None:
    """docs/operations.md, "One more operator": what of an overlay names an operator, and the job that reads it."""
    told = (DOCKER.parent / "docs" / "operations.md").read_text().split("#### One more operator\n")[1].split("\n#")[0]
    for path in sorted(PRODUCTION.glob("*.yaml")):
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        names_one = re.search(r"consumer: |OPERATOR_IDS|gateway-to-operators", "\n".join(lines))
        assert bool(names_one) == (f"`{path.name}`" in told), path.name
    configs = {one["metadata"]["name"] for one in of_kind("production", "ConfigMap") if "OPERATOR_IDS" in one["data"]}
    reading = [
        one["metadata"]["name"]
        for one in of_kind("production", "Job")
        for container in template(one)["spec"]["containers"]
        if configs & {source["configMapRef"]["name"] for source in container["envFrom"]}
    ]
    assert [f"delete job {name} " in told for name in reading] == [True]


def test_whoever_speaks_smpp_has_the_operators_certificates() -> None:
    """At the paths that the component's own example tells, which operator management or a profile names."""
    text = (DOCKER / "kubernetes" / "components" / "operators-tls" / "kustomization.yaml").read_text()
    named = dict(re.findall(r'"(ca|cert|key)": "(/run/[\w./-]+)"', text))
    assert set(named) == {"ca", "cert", "key"}
    for name, pod, container in containers(TLS):
        kinds = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["mountPath"]: kinds[mount["name"]] for mount in container["volumeMounts"]}
        found = {key: mounted.get(path.rpartition("/")[0]) for key, path in named.items()}
        if name not in ("gateway", "doctor"):
            assert set(found.values()) == {None}, name
            continue
        assert found["ca"] is not None, name
        assert "configMap" in found["ca"], name
        assert found["cert"] is not None, name
        assert (found["cert"]["secret"]["defaultMode"], found["cert"]["secret"]["optional"]) == (0o440, True), name
