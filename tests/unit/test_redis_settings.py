"""ghasi.redis_settings: certificates of rediss:// from the environment, verification never off."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ghasi.env import Env, SettingsError
from ghasi.redis_settings import RedisSettings

TLS = {"REDIS_URL": "rediss://:secret99@cache:6380/0"}


def test_plain_redis_needs_nothing_more() -> None:
    settings = RedisSettings.from_env(Env({"REDIS_URL": "redis://cache:6379/0"}))
    assert (settings.url, settings.options()) == ("redis://cache:6379/0", {})


def test_tls_verifies_server_and_name_with_the_files_given(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ca", "cert", "key")}
    for path in files.values():
        path.write_text("x")
    settings = RedisSettings.from_env(Env({**TLS, **{f"REDIS_TLS_{n.upper()}": str(p) for n, p in files.items()}}))
    assert settings.options() == {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": str(files["ca"]),
        "ssl_certfile": str(files["cert"]),
        "ssl_keyfile": str(files["key"]),
    }
    assert "secret99" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"REDIS_URL": "http://cache"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://:se/cret99@cache"}, "REDIS_URL"),
        ({**TLS, "REDIS_TLS_CERT": __file__}, "REDIS_TLS_CERT"),
        ({**TLS, "REDIS_TLS_CA": "/no/such/file"}, "REDIS_TLS_CA"),
        ({"REDIS_URL": "redis://cache", "REDIS_TLS_CA": __file__}, "REDIS_URL"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        RedisSettings.from_env(Env(variables))
    assert "cret99" not in str(refused.value)


async def test_clients_show_no_password_and_verify_whatever_the_url_says() -> None:
    settings = RedisSettings(TLS["REDIS_URL"] + "?ssl_cert_reqs=none&ssl_check_hostname=no")
    single, cluster = settings.connect(), settings.connect_cluster()
    for client, kept in ((single, single.connection_pool.connection_kwargs), (cluster, cluster.connection_kwargs)):
        assert "secret99" not in repr(client)
        assert "secret99" not in str(kept)
        assert (kept["ssl_cert_reqs"], kept["ssl_check_hostname"]) == ("required", True)
        await client.aclose()
