"""`python -m benchmarks NAME [options]`; `--help` after a name shows its options."""

from __future__ import annotations

import argparse
import importlib

NAMES = ("throughput", "latency", "tps", "micro", "scale", "pages", "soak", "peers", "report")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    chosen = parser.add_subparsers(required=True, metavar="NAME")
    for name in NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        about = (module.__doc__ or "").strip()
        one = chosen.add_parser(name, help=about.splitlines()[0], description=about)
        module.add_options(one)
        one.set_defaults(run=module.run)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
