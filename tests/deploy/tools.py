"""The tools of tests/deploy/requirements.txt and tests/deploy/node, and the files they look at."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests import check_docs

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
BIN = ROOT / ".run" / "deploy" / "bin"
NODE = Path(__file__).resolve().parent / "node"
OVERLAYS = ("example", "production")
KUBERNETES = "1.37"
DIGEST = "sha256:" + "0" * 64
Object = dict[str, Any]


def tool(name: str, *arguments: str | Path, env: Mapping[str, str] | None = None, given: str = "") -> str:
    """What a tool prints. Fails with what it says where its exit code is not 0."""
    argv = [str(BIN / name), *map(str, arguments)]
    return _run(argv, ROOT, {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": "/tmp", **(env or {})}, given)


def node(script: str, given: str) -> str:
    """What a script of tests/deploy/node prints for `given` on its standard input."""
    return _run(["node", script], NODE, dict(os.environ), given)


def _run(argv: list[str], cwd: Path, env: Mapping[str, str], given: str) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env=env, input=given, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@cache
def built(overlay: str) -> tuple[Object, ...]:
    """What `kubectl apply -k` would send, for an overlay of docker/kubernetes or one of ours beside this file."""
    ours = Path(__file__).resolve().parent / "overlays" / overlay
    text = tool("kubectl", "kustomize", ours if ours.is_dir() else DOCKER / "kubernetes" / "overlays" / overlay)
    return tuple(yaml.safe_load_all(text))


@cache
def composed(env: tuple[tuple[str, str], ...] = (), overrides: tuple[str, ...] = (), folder: Path = DOCKER) -> Object:
    """docker/compose.yml with all profiles, as compose understands it; `env` as the shell would have it, `overrides`
    as further files, `folder` as the place of a copy."""
    images = ("BASE", "NATS", "POSTGRES", "VALKEY", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")
    names = [f"{image}_DIGEST" for image in images]
    given = [part for name in ("compose.yml", *overrides) for part in ("--file", str(folder / name))]
    text = tool(
        "docker-compose",
        *(*given, "--profile", "*", "config", "--format", "json"),
        env={**dict.fromkeys(names, DIGEST), **dict(env)},
    )
    found: Object = json.loads(text)
    return found


@cache
def settings() -> frozenset[str]:
    """Names of docs/contract.md §12, with their `_FILE` forms, and what other programs of the image read."""
    section = check_docs.read(check_docs.CONTRACT).split("\n## 12. ")[1].split("\n## ")[0]
    names = set(check_docs._IN_TICKS.findall(section))
    return frozenset(names | {f"{name}_FILE" for name in names})
