"""DATABASE_URL as a Django database."""

import pytest

from ghasi.database.url import database_from_url
from ghasi.env import SettingsError


def test_the_parts_of_a_url() -> None:
    found = database_from_url("postgresql://me:s%40crt@db:5433/sms?sslmode=require", conn_max_age=60)
    assert (found["NAME"], found["USER"], found["PASSWORD"]) == ("sms", "me", "s@crt")
    assert (found["HOST"], found["PORT"], found["CONN_MAX_AGE"]) == ("db", "5433", 60)
    assert found["OPTIONS"]["sslmode"] == "require"


def test_several_hosts() -> None:
    url = "postgresql://me@a:1,b:2/sms?target_session_attrs=read-write"
    found = database_from_url(url, conn_max_age=0)
    assert (found["HOST"], found["PORT"]) == ("a,b", "1,2")
    assert found["OPTIONS"]["target_session_attrs"] == "read-write"


def test_a_host_that_is_gone_without_a_word_is_noticed_unless_the_url_says_otherwise() -> None:
    found = database_from_url("postgresql://me@db/sms?keepalives_idle=60", conn_max_age=0)["OPTIONS"]
    noticed = {key: value for key, value in found.items() if key.startswith(("keepalives", "tcp_"))}
    assert noticed == {
        "keepalives_idle": "60",
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }


def test_without_a_url_the_settings_load() -> None:
    assert database_from_url("", conn_max_age=0)["NAME"] == ""


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@db/sms", "postgresql://me:secret@db", "postgresql://me:secret@db/s?x=1"]
)
def test_a_bad_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        database_from_url(url, conn_max_age=0)
    assert str(refused.value).startswith("DATABASE_URL: ")
    assert "secret" not in str(refused.value)
