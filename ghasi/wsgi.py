"""`gunicorn ghasi.wsgi`: bad settings end it with one line that names the variable."""

from __future__ import annotations

import os
import sys

from django.core.wsgi import get_wsgi_application

from ghasi.env import SettingsError
from ghasi.hardening import harden
from ghasi.logs import setup_logging

# gunicorn ends its master on this exit code of a worker and restarts the worker for ever on any other.
GUNICORN_BOOT_ERROR = 3

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghasi.settings")

try:
    harden()

    from ghasi import settings

    settings.require_web_settings()
except SettingsError as error:
    print(f"settings: {error}", file=sys.stderr)  # noqa: T201 - before logging is set up
    raise SystemExit(GUNICORN_BOOT_ERROR) from None

setup_logging("smpp-web", settings.LOG_LEVEL)
application = get_wsgi_application()
