"""ghasi.bus.settings: users, inboxes and certificates from the environment, files read anew."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from ghasi.bus import BusSettings
from ghasi.env import Env, SettingsError

URL = {"NATS_URL": "nats://127.0.0.1:4222"}


def test_a_user_comes_with_a_password_and_an_inbox(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("first-one\n")
    settings = BusSettings.from_env(
        Env({**URL, "NATS_USER": "gateway", "NATS_PASSWORD_FILE": str(path), "NATS_INBOX_PREFIX": "_INBOX.gateway"})
    )
    assert (settings.user, settings.inbox_prefix) == ("gateway", "_INBOX.gateway")
    password = settings.password()
    assert password is not None
    assert password() == "first-one"
    path.write_text("second-one")
    assert password() == "second-one"
    path.unlink()
    assert password() == "second-one"
    assert "one" not in repr(settings)


def test_without_a_user_there_is_no_password() -> None:
    settings = BusSettings.from_env(Env(URL))
    assert (settings.password(), settings.inbox_prefix) == (None, "_INBOX")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"NATS_USER": "gateway"}, "NATS_PASSWORD"),
        ({"NATS_INBOX_PREFIX": "_INBOX.>"}, "NATS_INBOX_PREFIX"),
        ({"NATS_INBOX_PREFIX": "_INBOX."}, "NATS_INBOX_PREFIX"),
        ({"NATS_TLS_CERT": __file__}, "NATS_TLS_CERT"),
        *(({"NATS_REPLICAS": value}, "NATS_REPLICAS: must be one of 1, 3, 5") for value in ("0", "2", "-3", "three")),
    ],
)
def test_what_does_not_fit_is_refused_by_name(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        BusSettings.from_env(Env({**URL, **variables}))


def test_a_certificate_that_was_rotated_is_read_again(tmp_path: Path) -> None:
    ca, cert, key = (tmp_path / name for name in ("ca", "cert", "key"))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca)

    def issue() -> None:
        issued = authority.issue_cert("client")
        issued.private_key_pem.write_to_path(key)
        issued.cert_chain_pems[0].write_to_path(cert)

    issue()
    settings = BusSettings(("tls://localhost:4222",), tls_ca=ca, tls_cert=cert, tls_key=key)
    context = settings.tls_context()
    assert context is not None
    issue()
    settings.load_files(context)
    cert.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        settings.load_files(context)


def test_one_copy_is_kept_unless_more_are_asked_for() -> None:
    assert BusSettings.from_env(Env(URL)).replicas == 1
    assert [BusSettings.from_env(Env({**URL, "NATS_REPLICAS": one})).replicas for one in ("1", "3", "5")] == [1, 3, 5]
