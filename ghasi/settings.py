"""Django settings, all from the environment (docs/contract.md §12).

Importable with an empty environment, because commands such as `segment` and `pdu` need neither database nor key;
whoever uses a value that is missing gets one line that names it (`require_web_settings`, `ghasi.database`).
"""

from __future__ import annotations

from pathlib import Path

from ghasi.database.url import database_from_url
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
SECURE_HSTS_SECONDS = 3600 if HTTPS else 0
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"

LOG_LEVEL = env.text("LOG_LEVEL", "info")
LEDGER_RETENTION_DAYS = env.integer("LEDGER_RETENTION_DAYS", 30, low=7, high=3650)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_prometheus",
    "ghasi",
    "ghasi.operators",
    "ghasi.correlations",
    "ghasi.simulator",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
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
    "default": database_from_url(
        env.text("DATABASE_URL", ""), conn_max_age=env.integer("DATABASE_CONN_MAX_AGE", 600, high=86_400)
    )
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

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
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
