"""overlays/production and docker/nats say the same: whoever follows both has a connector that reaches its NATS."""

from __future__ import annotations

import re

import yaml

from tests.deploy.check_manifests import containers, named, of_kind, template, variables
from tests.deploy.tools import DOCKER, KUBERNETES, tool

OVERLAY = "production"
CONFIG = (DOCKER / "nats" / "nats.conf").read_text()
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
    assert allowed[listens("listen")[1]] == {namespace, "platform"}
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
