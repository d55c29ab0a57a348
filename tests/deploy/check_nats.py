"""overlays/production and docker/nats say the same: whoever follows both has a connector that reaches its NATS."""

from __future__ import annotations

import re

import pytest
import yaml

from ghasi.contracts import topology
from tests.deploy.check_compose import NATS_TLS
from tests.deploy.check_manifests import containers, named, of_kind, template, variables
from tests.deploy.tools import DOCKER, KUBERNETES, OVERLAYS, composed, tool

OVERLAY = "production"
CONFIG = (DOCKER / "nats" / "nats.conf").read_text()
CLUSTER = (DOCKER / "nats" / "nats-cluster.conf").read_text()
ROLES = (DOCKER / "nats" / "roles.conf").read_text()
POLICY = DOCKER / "nats" / "network-policy.yaml"


def listens(key: str) -> tuple[str, int]:
    (found,) = re.findall(rf"^{key}: ([\d.]+):(\d+)$", CONFIG, re.MULTILINE)
    return found[0], int(found[1])


def test_clients_show_the_certificate_that_the_server_asks_for() -> None:
    assert re.search(r"^  verify: true$", CONFIG, re.MULTILINE)
    asked = 0
    for name, pod, container in containers(OVERLAY):
        told = variables(OVERLAY, container)
        if "NATS_URL" not in told:
            continue
        asked += 1
        assert {url.partition("://")[0] for url in told["NATS_URL"].split(",")} == {"tls"}, name
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        client = {told["NATS_TLS_CERT"].rpartition("/")[0], told["NATS_TLS_KEY"].rpartition("/")[0]}
        secret = mounted[client.pop()]["secret"]
        assert not client, f"{name}: certificate and key lie apart"
        assert secret["secretName"] == f"smpp-connector-nats-{told['NATS_USER']}", name
        assert "configMap" in mounted[told["NATS_TLS_CA"].rpartition("/")[0]], name
    assert asked >= 7


def test_a_process_without_nats_has_no_certificate_for_it() -> None:
    for name, _, container in containers(OVERLAY):
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert ("nats-client" in mounts) == ("NATS_URL" in variables(OVERLAY, container)), name


def test_the_servers_listen_where_they_are_asked() -> None:
    ports = {
        int(url.rpartition(":")[2])
        for _, _, container in containers(OVERLAY)
        for url in variables(OVERLAY, container).get("NATS_URL", "").split(",")
        if url
    }
    assert {listens("listen")} == {("0.0.0.0", port) for port in ports}
    triggers = [one["metadata"] for scaled in of_kind(OVERLAY, "ScaledObject") for one in scaled["spec"]["triggers"]]
    monitored = {int(one["natsServerMonitoringEndpoint"].rpartition(":")[2]) for one in triggers}
    assert {listens("http")} == {("0.0.0.0", port) for port in monitored}
    (account,) = re.findall(r"^  (\w+) \{$", ROLES, re.MULTILINE)
    assert {one["account"] for one in triggers} == {account}


def test_the_ports_are_open_to_those_who_ask_and_nobody_else() -> None:
    tool("kubernetes-validate", "--strict", "--quiet", "-k", KUBERNETES, POLICY)
    policy = yaml.safe_load(POLICY.read_text())
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    allowed: dict[int, set[str]] = {}
    for rule in policy["spec"]["ingress"]:
        (port,) = [one["port"] for one in rule["ports"]]
        allowed[port] = {
            one.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", "nats")
            for one in rule["from"]
        }
    (namespace,) = {one["metadata"]["namespace"] for one in of_kind(OVERLAY, "Deployment")}
    assert allowed[listens("listen")[1]] == {namespace, "platform", "nats"}
    assert allowed[listens("http")[1]] == {namespace, "keda", "monitoring"}


def test_of_ours_only_the_doctor_reads_the_monitoring_pages() -> None:
    rules = yaml.safe_load(POLICY.read_text())["spec"]["ingress"]
    (rule,) = [one for one in rules if one["ports"][0]["port"] == listens("http")[1]]
    (ours,) = [one for one in rule["from"] if "podSelector" in one]
    out = named(OVERLAY, "NetworkPolicy", "doctor-to-nats-monitor")["spec"]
    assert (
        ours["podSelector"]["matchLabels"].items()
        <= template(named(OVERLAY, "CronJob", "doctor"))["metadata"]["labels"].items()
    )
    assert ours["podSelector"]["matchLabels"].items() <= out["podSelector"]["matchLabels"].items()


def block(config: str, name: str) -> str:
    (found,) = re.findall(rf"^{name} \{{\n(.*?)^\}}$", config, re.MULTILINE | re.DOTALL)
    return str(found)


def settled(config: str) -> list[str]:
    """Its lines without comments, its own name and the cluster."""
    lines = [line for line in config.replace(f"cluster {{\n{block(CLUSTER, 'cluster')}}}\n", "").splitlines() if line]
    return [line for line in lines if not line.lstrip().startswith("#") and not line.startswith("server_name")]


def test_one_of_three_servers_is_as_one_alone() -> None:
    assert settled(CLUSTER) == settled(CONFIG)
    assert re.search(r"^server_name: \$SERVER_NAME$", CLUSTER, re.MULTILINE), "each has a name of its own"


def test_the_cluster_is_of_the_servers_that_production_asks() -> None:
    told = [variables(OVERLAY, container) for _, _, container in containers(OVERLAY)]
    asked = {url.partition("://")[2].rpartition(":")[0] for one in told for url in one.get("NATS_URL", "").split(",")}
    cluster = block(CLUSTER, "cluster")
    routes = re.findall(r"nats-route://([\w.-]+):(\d+)$", cluster, re.MULTILINE)
    assert {host for host, _ in routes} == asked - {""}
    (listens_on,) = re.findall(r"^  listen: 0\.0\.0\.0:(\d+)$", cluster, re.MULTILINE)
    assert {port for _, port in routes} == {listens_on}
    assert {one["NATS_REPLICAS"] for one in told if "NATS_URL" in one} == {str(len(routes))}
    rules = yaml.safe_load(POLICY.read_text())["spec"]["ingress"]
    (among,) = [one["from"] for one in rules if one["ports"][0]["port"] == int(listens_on)]
    assert [set(peer) for peer in among] == [{"podSelector"}], "nobody but the servers"
    clients = block(CLUSTER, "tls")
    authorities = {re.findall(r"ca_file: (\S+)$", text, re.MULTILINE)[0] for text in (clients, cluster)}
    assert len(authorities) == 2, "who may be a client must not be a server"


def octets(config: str) -> int:
    """`max_file_store`; nats-server counts K, M and G by thousands."""
    ((number, unit),) = re.findall(r"^  max_file_store: (\d+)([KMG])$", config, re.MULTILINE)
    return int(number) * 1000 ** (" KMG".index(unit))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_streams_fit_into_the_servers_of_an_overlay(overlay: str) -> None:
    store = octets(CLUSTER if overlay == OVERLAY else CONFIG)
    bounds = {
        int(told["NATS_STREAM_MAX_BYTES"])
        for _, _, container in containers(overlay)
        if "NATS_URL" in (told := variables(overlay, container))
    }
    (bound,) = bounds
    assert 0 < len(topology.STREAMS) * bound <= store


@pytest.mark.parametrize(("overrides", "config"), [((), "compose/nats.conf"), ((NATS_TLS,), "nats/nats.conf")])
def test_the_streams_fit_into_the_server_of_compose(overrides: tuple[str, ...], config: str) -> None:
    told = [one.get("environment") or {} for one in composed(overrides=overrides)["services"].values()]
    (bound,) = {int(one["NATS_STREAM_MAX_BYTES"]) for one in told if "NATS_STREAM_MAX_BYTES" in one}
    assert 0 < len(topology.STREAMS) * bound <= octets((DOCKER / config).read_text())


def test_a_shell_of_the_staff_is_let_in_as_operations() -> None:
    """operations-shell.yaml: the servers of production, the label of the policy, the files that are mounted."""
    path = DOCKER / "nats" / "operations-shell.yaml"
    tool("kubernetes-validate", "--strict", "--quiet", "-k", KUBERNETES, path)
    pod = yaml.safe_load(path.read_text())
    (container,) = pod["spec"]["containers"]
    told = {one["name"]: one.get("value", "") for one in container["env"]}
    (asked,) = {
        variables(OVERLAY, one).get("NATS_URL")
        for _, _, one in containers(OVERLAY)
        if "NATS_URL" in variables(OVERLAY, one)
    }
    assert told["NATS_URL"] == asked
    assert told["NATS_USER"] in re.findall(r"^\s+user: (\w+)$", ROLES, re.MULTILINE)
    assert f"--inbox-prefix=_INBOX.{told['NATS_USER']} " in path.read_text()
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {told[name].rpartition("/")[0] for name in ("NATS_CA", "NATS_CERT", "NATS_KEY")} <= mounts
    rules = yaml.safe_load(POLICY.read_text())["spec"]["ingress"]
    (clients,) = [one["from"] for one in rules if one["ports"][0]["port"] == listens("listen")[1]]
    (ours,) = [one["podSelector"]["matchLabels"] for one in clients if "podSelector" in one]
    assert ours == pod["metadata"]["labels"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
