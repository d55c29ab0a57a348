"""The Kubernetes manifests as an overlay builds them: schemas, and what we ask of every pod. No cluster is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ghasi.container.roles import ROLES
from ghasi.contracts import subjects
from tests.deploy.tools import DOCKER, KUBERNETES, OVERLAYS, Object, built, node, settings, tool
from tests.observability.rules import alerts

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)
OWN_KINDS = ("keda.sh/v1alpha1", "monitoring.coreos.com/v1")
SECRET_WORDS = re.compile(r"password|secret|token|://[^/]*:[^/]*@", re.IGNORECASE)
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
LONG_RUNNING = {"gateway", "dispatch", "receipts", "web"}


def of_kind(overlay: str, *kinds: str) -> list[Object]:
    return [one for one in built(overlay) if one["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Object:
    (found,) = [one for one in of_kind(overlay, kind) if one["metadata"]["name"] == name]
    return found


def template(workload: Object) -> Object:
    spec = workload["spec"]
    spec = spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec
    found: Object = spec["template"]
    return found


def pods(overlay: str) -> Iterator[tuple[str, Object]]:
    """Name of the workload and the spec of its pods."""
    for one in of_kind(overlay, *WORKLOADS):
        yield one["metadata"]["name"], template(one)["spec"]


def containers(overlay: str) -> Iterator[tuple[str, Object, Object]]:
    """Name of the workload, its pod's spec and one of its containers."""
    for name, pod in pods(overlay):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield name, pod, container


def secrets_of(volume: Object) -> list[str]:
    """Names of the secrets that a volume holds, by itself or together."""
    alone = [volume["secret"]["secretName"]] if "secret" in volume else []
    together = volume.get("projected", {}).get("sources", [])
    return alone + [one["secret"]["name"] for one in together if "secret" in one]


def variables(overlay: str, container: Object) -> dict[str, str]:
    """What a container's environment is, as far as the manifests say it."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= named(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    return found | {one["name"]: one.get("value", "") for one in container.get("env", [])}


# -- schemas


def test_every_built_in_object_is_valid(overlay: str) -> None:
    own = [one for one in built(overlay) if one["apiVersion"] not in OWN_KINDS]
    assert len(own) > 20
    text = yaml.safe_dump_all(own)
    tool("kubernetes-validate", "--strict", "--quiet", "-k", KUBERNETES, "-", given=text)


def test_every_object_of_keda_and_the_prometheus_operator_is_valid(overlay: str) -> None:
    others = [one for one in built(overlay) if one["apiVersion"] in OWN_KINDS]
    assert {one["kind"] for one in others} == {"ScaledObject", "ServiceMonitor", "PrometheusRule"}
    assert node("crds.mjs", json.dumps(others)).split() == ["valid"] * len(others)


def test_no_key_of_keda_is_misspelt(overlay: str) -> None:
    """Its definitions in the schemas above let unknown keys pass."""
    for one in of_kind(overlay, "ScaledObject"):
        spec = one["spec"]
        assert set(spec) == {
            *("scaleTargetRef", "pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount"),
            *("fallback", "advanced", "triggers"),
        }
        assert set(spec["fallback"]) == {"failureThreshold", "replicas", "behavior"}
        assert set(spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]) == {"scaleUp", "scaleDown"}
        for trigger in spec["triggers"]:
            assert set(trigger["metadata"]) == {
                *("natsServerMonitoringEndpoint", "account", "stream", "consumer"),
                *("lagThreshold", "activationLagThreshold"),
            }


# -- every pod


def test_no_pod_may_do_more_than_it_needs(overlay: str) -> None:
    for name, pod in pods(overlay):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] >= 10_000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name


def test_no_container_may_do_more_than_it_needs(overlay: str) -> None:
    for name, _, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_only_the_temporary_folder_can_be_written_to(overlay: str) -> None:
    for name, pod, container in containers(overlay):
        kinds = {volume["name"]: set(volume) - {"name"} for volume in pod["volumes"]}
        written = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert [mount["mountPath"] for mount in written] == ["/tmp"], name
        assert kinds[written[0]["name"]] == {"emptyDir"}, name


def test_every_container_has_requests_and_limits(overlay: str) -> None:
    for name, _, container in containers(overlay):
        for side in ("requests", "limits"):
            assert set(container["resources"][side]) >= {"cpu", "memory"}, f"{name}: {side}"


def test_images_are_pinned(overlay: str) -> None:
    for name, _, container in containers(overlay):
        image = container["image"]
        assert "@sha256:" in image or re.search(r":\d", image.rpartition("/")[2]), f"{name}: {image}"
        assert overlay != "production" or "@sha256:" in image, f"{name}: {image}"


def test_commands_are_roles(overlay: str) -> None:
    for name, _, container in containers(overlay):
        assert "command" not in container, f"{name}: the entry point is the image's"
        assert container["args"][0] in ROLES, name
        assert "drain" not in container["args"], f"{name}: a wish that outlives the pod"


def test_every_variable_is_one_of_the_contract(overlay: str) -> None:
    for name, _, container in containers(overlay):
        assert set(variables(overlay, container)) <= settings(), name


def test_no_secret_stands_in_a_variable(overlay: str) -> None:
    for name, _, container in containers(overlay):
        for variable, value in variables(overlay, container).items():
            given_by_file = variable.endswith("_FILE") or value.startswith("/")
            assert given_by_file or not SECRET_WORDS.search(f"{variable}={value}"), f"{name}: {variable}"


def test_every_file_that_a_variable_names_is_mounted(overlay: str) -> None:
    for name, _, container in containers(overlay):
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for variable, value in variables(overlay, container).items():
            if value.startswith("/"):
                assert any(value.startswith(f"{mount}/") for mount in mounts), f"{name}: {variable}={value}"


def test_secrets_hold_the_keys_that_are_read(overlay: str) -> None:
    made = {one["metadata"]["name"]: one.get("data", {}) for one in of_kind(overlay, "Secret")}
    if overlay == "production":
        assert made == {}, "production's secrets are not kept here"
        return
    for name, pod, container in containers(overlay):
        secrets = {volume["name"]: secrets_of(volume) for volume in pod["volumes"]}
        for mount in container["volumeMounts"]:
            if not secrets[mount["name"]]:
                continue
            keys = {
                value.rpartition("/")[2]
                for value in variables(overlay, container).values()
                if value.startswith(f"{mount['mountPath']}/")
            }
            held = {key for secret in secrets[mount["name"]] for key in made[secret]}
            assert keys <= held, name


# -- the roles


def test_long_running_roles_are_asked_whether_they_live(overlay: str) -> None:
    assert {one["metadata"]["name"] for one in of_kind(overlay, "Deployment")} == LONG_RUNNING
    for one in of_kind(overlay, "Deployment"):
        (container,) = template(one)["spec"]["containers"]
        alive = "/healthz" if one["metadata"]["name"] == "web" else "/health"
        ready = "/ready" if one["metadata"]["name"] == "gateway" else alive
        for probe, path in (("startupProbe", alive), ("livenessProbe", alive), ("readinessProbe", ready)):
            assert container[probe]["httpGet"] == {"path": path, "port": "http"}, one["metadata"]["name"]


@pytest.mark.parametrize(
    ("role", "deadline"), [("gateway", "SHUTDOWN_DEADLINE"), ("dispatch", "WORKER_SHUTDOWN_DEADLINE")]
)
def test_there_is_time_to_stop(overlay: str, role: str, deadline: str) -> None:
    pod = template(named(overlay, "Deployment", role))["spec"]
    (container,) = pod["containers"]
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = pause + float(variables(overlay, container)[deadline]) + 10
    assert pod["terminationGracePeriodSeconds"] >= needed


def test_gateways_change_one_at_a_time_and_never_are_more(overlay: str) -> None:
    spec = named(overlay, "Deployment", "gateway")["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert spec["minReadySeconds"] >= 20
    (container,) = template(named(overlay, "Deployment", "gateway"))["spec"]["containers"]
    names = {one["name"]: one for one in container["env"]}
    assert names["GATEWAY_REPLICA"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert "GATEWAY_SOLE" not in variables(overlay, container)


def test_every_role_has_a_disruption_budget_and_is_scraped(overlay: str) -> None:
    labels = {one["metadata"]["name"]: template(one)["metadata"]["labels"] for one in of_kind(overlay, "Deployment")}
    for kind, selector in (("PodDisruptionBudget", "matchLabels"), ("Service", None)):
        for one in of_kind(overlay, kind):
            chosen: dict[str, Any] = one["spec"]["selector"]
            chosen = chosen[selector] if selector else chosen
            assert chosen.items() <= labels[one["metadata"]["name"]].items(), f"{kind} {one['metadata']['name']}"
        assert {one["metadata"]["name"] for one in of_kind(overlay, kind)} == LONG_RUNNING
    (monitor,) = of_kind(overlay, "ServiceMonitor")
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    assert set(expression["values"]) == LONG_RUNNING
    for one in of_kind(overlay, "Service"):
        assert one["metadata"]["labels"]["app.kubernetes.io/component"] in LONG_RUNNING
        assert [port["name"] for port in one["spec"]["ports"]] == [monitor["spec"]["endpoints"][0]["port"]]


def test_a_gateway_that_is_not_ready_is_not_taken_for_idle(overlay: str) -> None:
    """Without Redis it is not ready, and its binds carry the traffic (docs/operations.md, "Redis away")."""
    policies = {
        one["metadata"]["name"]: one["spec"]["unhealthyPodEvictionPolicy"]
        for one in of_kind(overlay, "PodDisruptionBudget")
    }
    others = dict.fromkeys(LONG_RUNNING - {"gateway"}, "AlwaysAllow")
    assert policies == {"gateway": "IfHealthyBudget", **others}


def test_a_cluster_has_the_alerts_and_their_jobs(overlay: str) -> None:
    (rule,) = of_kind(overlay, "PrometheusRule")
    rules = [one for group in rule["spec"]["groups"] for one in group["rules"]]
    assert [one["alert"] for one in rules] == [one.name for one in alerts()]
    (monitor,) = of_kind(overlay, "ServiceMonitor")
    (relabeling,) = monitor["spec"]["endpoints"][0]["relabelings"]
    jobs = {relabeling["replacement"].replace("$1", role) for role in LONG_RUNNING}
    named_there = {job for one in rules for job in re.findall(r'job="([^"]+)"', one["expr"])}
    assert named_there
    assert named_there <= jobs


@pytest.mark.parametrize(
    ("pool", "stream", "durable"),
    [
        ("dispatch", subjects.SMS_DISPATCH, subjects.dispatch_durable),
        ("receipts", subjects.SMPP_RECEIPTS, subjects.receipt_durable),
    ],
)
def test_pools_follow_the_backlog_of_each_operator(overlay: str, pool: str, stream: str, durable: Any) -> None:
    (container,) = template(named(overlay, "Deployment", pool))["spec"]["containers"]
    operators = variables(overlay, container)["OPERATOR_IDS"].split(",")
    scaled = named(overlay, "ScaledObject", pool)["spec"]
    assert scaled["scaleTargetRef"] == {"name": pool}
    assert scaled["minReplicaCount"] >= 2
    assert {(one["type"], one["metadata"]["stream"], one["metadata"]["consumer"]) for one in scaled["triggers"]} == {
        ("nats-jetstream", stream, durable(operator)) for operator in operators
    }
    assert "replicas" not in named(overlay, "Deployment", pool)["spec"], "two who say how many there are"


def test_scheduled_jobs_are_what_nobody_else_does(overlay: str) -> None:
    done = {
        one["metadata"]["name"]: template(one)["spec"]["containers"][0]["args"]
        for one in of_kind(overlay, "CronJob")
        if not one["spec"].get("suspend")
    }
    assert {name: args[1] for name, args in done.items()} == {"sessions-cleanup": "clearsessions", "audit": "audit"}
    for one in of_kind(overlay, "CronJob"):
        assert one["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_doctor_is_told_what_the_roles_are(overlay: str) -> None:
    """A job of it is made by hand; it has every setting and secret that decides what a role does."""
    scheduled = named(overlay, "CronJob", "doctor")
    assert scheduled["spec"]["suspend"] is True
    assert scheduled["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
    (container,) = template(scheduled)["spec"]["containers"]
    assert container["args"] == ["manage", "doctor"]
    told = variables(overlay, container)
    own = {"NATS_USER", "NATS_INBOX_PREFIX", "GATEWAY_REPLICA", "WORKER_HTTP_PORT"}
    for role in LONG_RUNNING:
        (one,) = template(named(overlay, "Deployment", role))["spec"]["containers"]
        for name, value in variables(overlay, one).items():
            assert name in own or told.get(name) == value, f"{role}: {name}"
    assert all(url.endswith(":8222") for url in told["NATS_MONITOR_URL"].split(","))


def test_each_role_is_a_user_of_its_own(overlay: str) -> None:
    """In production: the users of docker/nats/roles.conf, who hear answers where nobody else does."""
    permitted = set(re.findall(r"^\s+user: (\w+)$", (DOCKER / "nats" / "roles.conf").read_text(), re.MULTILINE))
    users = dict.fromkeys(("migrate", "audit", "sessions-cleanup", "doctor"), "web")
    for name, _, container in containers(overlay):
        told = variables(overlay, container)
        if overlay == "production" and "NATS_URL" in told:
            assert told["NATS_USER"] == users.get(name, name), name
            assert told["NATS_USER"] in permitted, name
            assert told["NATS_INBOX_PREFIX"] == f"_INBOX.{told['NATS_USER']}", name
            assert told["NATS_PASSWORD_FILE"] == "/run/secrets/connector/nats-password"
        else:
            assert "NATS_USER" not in told, name


# -- the network


def test_nothing_is_open_by_itself(overlay: str) -> None:
    closed = named(overlay, "NetworkPolicy", "nothing")["spec"]
    assert set(closed["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & set(closed)
    for one in of_kind(overlay, *WORKLOADS):
        labels = template(one)["metadata"]["labels"]
        assert closed["podSelector"]["matchLabels"].items() <= labels.items(), one["metadata"]["name"]


def reaches(overlay: str, component: str) -> set[str]:
    """Names of the policies that let a component out."""
    found = set()
    for policy in of_kind(overlay, "NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        wanted = selector.get("matchLabels", {}).get("app.kubernetes.io/component")
        among = [one["values"] for one in selector.get("matchExpressions", [])]
        chosen = component in among[0] if among else wanted in (None, component)
        if chosen and policy["spec"].get("egress"):
            found.add(policy["metadata"]["name"])
    return found


@pytest.mark.parametrize(
    ("component", "servers"),
    [
        ("gateway", {"to-nats", "to-redis", "gateway-to-management", "gateway-to-operators"}),
        ("dispatch", {"to-nats", "to-redis", "to-postgres"}),
        ("receipts", {"to-nats", "to-redis", "to-postgres"}),
        ("web", {"to-nats", "to-postgres"}),
        ("migrate", {"to-postgres"}),
        ("sessions-cleanup", {"to-postgres"}),
        ("audit", {"to-nats", "to-postgres"}),
        ("provision", {"to-nats"}),
        (
            "doctor",
            {
                *("to-nats", "doctor-to-nats-monitor", "to-redis", "to-postgres"),
                *("gateway-to-management", "gateway-to-operators"),
            },
        ),
    ],
)
def test_each_component_reaches_what_it_needs_and_no_more(overlay: str, component: str, servers: set[str]) -> None:
    assert reaches(overlay, component) - {"names"} == servers
    assert "names" in reaches(overlay, component)


def test_the_ways_out_that_only_some_need_are_valid(overlay: str) -> None:
    """overlays/production/egress.yaml, which no overlay names by itself."""
    path = DOCKER / "kubernetes" / "overlays" / "production" / "egress.yaml"
    tool("kubernetes-validate", "--strict", "--quiet", "-k", KUBERNETES, path)
    components = {one["metadata"]["name"] for one in of_kind(overlay, "Deployment")} | {"doctor"}
    for policy in yaml.safe_load_all(path.read_text()):
        selector = policy["spec"]["podSelector"]
        chosen = {selector["matchLabels"].get("app.kubernetes.io/component")} - {None}
        chosen |= {name for one in selector.get("matchExpressions", []) for name in one["values"]}
        assert chosen
        assert chosen <= components
        assert policy["spec"]["egress"][0]["ports"], policy["metadata"]["name"]


def test_operators_are_reached_by_address_and_port(overlay: str) -> None:
    for rule in named(overlay, "NetworkPolicy", "gateway-to-operators")["spec"]["egress"]:
        assert rule["ports"]
        for peer in rule["to"]:
            assert int(peer["ipBlock"]["cidr"].rpartition("/")[2]) >= 24
            assert not peer["ipBlock"]["cidr"].startswith("192.0.2."), "the base's own address, which is nobody's"
