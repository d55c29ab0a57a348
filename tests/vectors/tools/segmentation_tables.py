"""What gsmcodecs and node-smpp make of texts in national tables: septets of each, one an octet.

Called by an interpreter that has gsmcodecs, in a folder where npm's smpp is installed: one JSON array in, one out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gsmcodecs  # noqa: F401  registers the codecs

NODE = """
const { createRequire } = require("node:module");
const load = createRequire(process.cwd() + "/");
const { gsmCoder } = load("smpp/lib/defs");
const { text, language } = JSON.parse(require("node:fs").readFileSync(0));
process.stdout.write(gsmCoder.encode(text, language).toString("hex"));
"""
NODE_SMPP_HAS = {(1, 0), (0, 2), (3, 0)}
"""Locking and single table: one a language. Where it writes both of a language, it means the one that it has."""


def by_node_smpp(given: dict[str, Any]) -> str | None:
    if (given["locking"], given["single"]) not in NODE_SMPP_HAS:
        return None
    asked = json.dumps({"text": given["text"], "language": given["locking"] or given["single"]})
    return subprocess.run(["node", "-e", NODE], input=asked, capture_output=True, text=True, check=True).stdout


def by_gsmcodecs(given: dict[str, Any]) -> str:
    return str(given["text"]).encode(f"gsm23.038-{given['locking']}-{given['single']}").hex()


def main() -> None:
    answers = [{"gsmcodecs": by_gsmcodecs(one), "node-smpp": by_node_smpp(one)} for one in json.load(sys.stdin)]
    package = json.loads(Path("node_modules/smpp/package.json").read_text())
    versions = {"gsmcodecs": version("gsmcodecs"), "node-smpp": package["version"]}
    json.dump({"versions": versions, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
