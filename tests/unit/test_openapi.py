"""docs/openapi.yaml says what the code answers and reads; that it is OpenAPI is for `make deploy-check` to say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ghasi import operator_answer, operator_settings
from ghasi.contracts.sessions import SessionRecord, State
from ghasi.for_machines import PAGES
from sessions_gateway import http
from workers.middleware import metrics_server

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]


def paths(tag: str) -> set[str]:
    return {path for path, item in DOCUMENT["paths"].items() if tag in item["get"]["tags"]}


def test_every_path_of_every_process_is_there() -> None:
    source = Path(http.__file__).read_text(encoding="utf-8")
    assert paths("gateway") == set(re.findall(r'^ +\("(/\w+)", self\._', source, re.MULTILINE))
    assert paths("workers") == set(metrics_server.ROUTES.split())
    assert paths("web") == set(PAGES)


def test_a_session_is_described_as_it_is_shown() -> None:
    (shown,) = http.sessions_of([SessionRecord("op", "gw-1", "epoch", State.BOUND, binds=1)], [])
    told = SCHEMAS["Session"]["properties"]
    assert set(told) == set(shown)
    assert set(told["window"]["properties"]) == set(shown["window"])
    assert told["state"]["enum"] == [state.value for state in State]


def test_what_is_read_of_operator_management_is_what_is_described() -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(operator_answer.Answer)}
    assert set(SCHEMAS["Credentials"]["properties"]) == fields
    required = {field.encode_name for field in msgspec.structs.fields(operator_answer.Answer) if field.required}
    assert set(SCHEMAS["Credentials"]["required"]) == required
    tls = {field.encode_name for field in msgspec.structs.fields(operator_answer.TlsFiles)}
    assert set(SCHEMAS["Tls"]["properties"]) == tls


def test_bounds_are_the_codes() -> None:
    told = SCHEMAS["Credentials"]["properties"]
    assert told["maxBinds"]["maximum"] == operator_settings.MAX_BINDS
    assert told["windowSize"]["maximum"] == operator_settings.MAX_WINDOW
    assert told["systemId"]["maxLength"] == operator_answer.MAX_LONG_CREDENTIAL
    assert told["bindMode"]["enum"] == [*(mode.value for mode in operator_answer.BindMode), None]
    assert told["directions"]["enum"] == [*(way.value for way in operator_answer.Directions), None]
