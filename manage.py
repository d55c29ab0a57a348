#!/usr/bin/env python
"""Django's command line. Bad settings end it with one line that names the variable and exit code 2;
Ctrl-C and SIGTERM end it with 130 (docs/commands.md)."""

from __future__ import annotations

import os
import sys

from ghasi.env import Env, exit_on_bad_settings
from ghasi.hardening import harden
from ghasi.logs import setup_logging
from ghasi.management.interrupts import sigterm_as_interrupt


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghasi.settings")
    from django.core.management import execute_from_command_line

    with exit_on_bad_settings():
        harden()
        # stdout is for what a command answers.
        setup_logging("smpp-manage", Env().text("LOG_LEVEL", "info"), sys.stderr)
        sigterm_as_interrupt()
        try:
            execute_from_command_line(sys.argv)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
