"""Django settings, all from the environment (docs/contract.md §12).

Importable with an empty environment, because commands such as `segment` and `pdu` need neither database nor key;
whoever uses a value that is missing gets one line that names it (`require_web_settings`, `ghasi.database`).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from ghasi.database.url import database_from_env
from ghasi.env import Env, SettingsError

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = env.text("DJANGO_SECRET_KEY", "")
DEBUG = env.flag("DJANGO_DEBUG", False)
ALLOWED_HOSTS = [host.strip() for host in env.text("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")]
CSRF_TRUSTED_ORIGINS = [o.strip() for o in env.text("DJANGO_CSRF_TRUSTED_ORIGINS", "").split(",") if o.strip()]

HTTPS = env.flag("DJANGO_HTTPS", False)
"""The admin is served over TLS: cookies are sent over TLS only, and the proxy's X-Forwarded-Proto is believed."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = env.integer("DJANGO_HSTS_SECONDS", 3600) if HTTPS else 0
X_FRAME_OPTIONS = "DENY"

ADMIN_REQUIRE_OTP = env.flag("ADMIN_REQUIRE_OTP", True)
"""Nobody gets into the admin without a second factor. Who has enrolled one is asked for it in any case."""
ADMIN_SESSION_IDLE = env.integer("ADMIN_SESSION_IDLE", 1800, low=60, high=86_400)
ADMIN_SESSION_MAX = env.integer("ADMIN_SESSION_MAX", 12 * 3600, low=60, high=30 * 86_400)
ADMIN_LOCKOUT_AFTER = env.integer("ADMIN_LOCKOUT_AFTER", 5, low=1, high=1000)
ADMIN_LOCKOUT_SECONDS = env.integer("ADMIN_LOCKOUT_SECONDS", 900, low=1, high=7 * 86_400)
ADMIN_TRUSTED_PROXIES = env.integer("ADMIN_TRUSTED_PROXIES", 0, high=16)
"""Proxies in front of the web process: as many entries of X-Forwarded-For, from the right, are believed."""

# A browser takes a cookie of this name over TLS, for this host and from no subdomain only.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "sessionid"
SESSION_COOKIE_AGE = ADMIN_SESSION_MAX

LOG_LEVEL = env.text("LOG_LEVEL", "info")
LEDGER_RETENTION_DAYS = env.integer("LEDGER_RETENTION_DAYS", 30, low=7, high=3650)
ADMIN_BULK_RATE = env.integer("ADMIN_BULK_RATE", 20, low=1, high=500)
"""Things a second that a bulk action of the admin does at most."""
SHELL_ACTOR = env.printable("SMPP_ACTOR", longest=64)
"""Who is at the shell, where the account on the machine does not tell: in a container it is everybody's."""

INSTALLED_APPS = [
    # Before Django's admin, so that our templates of the same names are found first.
    "ghasi.staff",
    "ghasi.staff.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "django_prometheus",
    "ghasi",
    "ghasi.operators",
    "ghasi.correlations",
    "ghasi.overview",
    "ghasi.simulator",
]

MIDDLEWARE = [
    "ghasi.for_machines.ForMachines",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "ghasi.staff.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "ghasi.staff.middleware.StaffSession",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "ghasi.urls"
WSGI_APPLICATION = "ghasi.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": database_from_env(env, conn_max_age=env.integer("DATABASE_CONN_MAX_AGE", 600, high=86_400)),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]

# Failures are counted by name and address together. A complete login forgives them (ghasi.staff.lockout).
AXES_FAILURE_LIMIT = ADMIN_LOCKOUT_AFTER
AXES_COOLOFF_TIME = timedelta(seconds=ADMIN_LOCKOUT_SECONDS)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "ghasi.operators.address.client_address"
AXES_LOCKOUT_CALLABLE = "ghasi.staff.lockout.locked_out_response"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "token", "current", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

OTP_TOTP_ISSUER = "SMPP connector"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["ghasi.formats"]
USE_TZ = True

# WhiteNoise serves the admin's files straight from the packages; `collectstatic` is for a CDN only.
STATIC_URL = "static/"
STATIC_ROOT = env.text("DJANGO_STATIC_ROOT", "") or None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

PROMETHEUS_EXPORT_MIGRATIONS = False

# Logging is set up by ghasi.logs in the entry points, not by Django.
LOGGING_CONFIG = None


def require_web_settings() -> None:
    """Raises SettingsError where the web process lacks a value that other commands can do without."""
    if not SECRET_KEY:
        raise SettingsError("DJANGO_SECRET_KEY: must be set (or DJANGO_SECRET_KEY_FILE)")
    if not DATABASES["default"]["NAME"]:
        raise SettingsError("DATABASE_URL: must be set (or DATABASE_URL_FILE)")
