"""The documents of docs/asyncapi.yaml and docs/openapi.yaml by the validators of their specifications."""

from __future__ import annotations

from tests.deploy.tools import ROOT, node, tool


def test_the_asyncapi_document_is_one() -> None:
    said = node("asyncapi.mjs", (ROOT / "docs" / "asyncapi.yaml").read_text())
    assert "error" not in said
    assert "channels 17 operations 16" in said


def test_the_openapi_document_is_one() -> None:
    assert "OK" in tool("openapi-spec-validator", ROOT / "docs" / "openapi.yaml")
