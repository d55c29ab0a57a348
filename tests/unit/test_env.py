"""ghasi.env: typed settings that refuse bad values by name and never by value."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghasi.env import EXIT_BAD_SETTINGS, Env, SettingsError, exit_on_bad_settings


def test_text_falls_back_to_its_default_and_is_required_without_one() -> None:
    assert Env({}).text("NAME", "x") == "x"
    with pytest.raises(SettingsError, match=r"NAME: must be set"):
        Env({}).text("NAME")


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n", encoding="utf-8")
    assert Env({"TOKEN_FILE": str(secret)}).text("TOKEN") == "s3cret"


def test_value_and_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not both"):
        Env({"TOKEN": "a", "TOKEN_FILE": str(tmp_path)}).text("TOKEN")


def test_a_file_that_cannot_be_read_is_named_by_its_variable_only(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        Env({"TOKEN_FILE": str(tmp_path / "absent")}).text("TOKEN")
    assert "TOKEN_FILE" in str(error.value)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("value", ["x", "1.5", "-1", "70000"])
def test_integers_are_checked(value: str) -> None:
    with pytest.raises(SettingsError, match="HTTP_PORT: must be a whole number of 0 to 65535"):
        Env({"HTTP_PORT": value}).integer("HTTP_PORT", 3001, low=0, high=65535)


def test_numbers_flags_choices() -> None:
    env = Env({"A": "1.5", "B": "yes", "C": "DEBUG", "D": "maybe", "E": "loud"})
    assert env.number("A", 0.0) == 1.5
    assert env.flag("B") is True
    assert env.flag("MISSING", True) is True
    assert env.choice("C", "info", ("debug", "info")) == "debug"
    with pytest.raises(SettingsError, match="D:"):
        env.flag("D")
    with pytest.raises(SettingsError, match="E: must be one of debug, info"):
        env.choice("E", "info", ("debug", "info"))


def test_uuids_are_lowered_and_unique() -> None:
    one = "550E8400-E29B-41D4-A716-446655440001"
    assert Env({"OPERATOR_IDS": f" {one} ,"}).uuids("OPERATOR_IDS") == (one.lower(),)
    for bad in ("x", f"{one},{one.lower()}", ","):
        with pytest.raises(SettingsError, match="OPERATOR_IDS"):
            Env({"OPERATOR_IDS": bad}).uuids("OPERATOR_IDS")


def test_urls_by_scheme_and_lists_of_them() -> None:
    env = Env(
        {"NATS_URL": "nats://a:1,nats://b:2", "BAD": "http://x", "WORSE": "nats://a,ftp://b", "NONE": "nats://"}
    )
    assert env.url("NATS_URL", ("nats",)) == "nats://a:1,nats://b:2"
    for name in ("BAD", "WORSE", "NONE"):
        with pytest.raises(SettingsError, match=f"{name}: must be a URL that starts with nats://"):
            env.url(name, ("nats",))


def test_paths_must_be_readable_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x", encoding="utf-8")
    assert Env({"CA": str(tmp_path / "ca.pem")}).path("CA") == tmp_path / "ca.pem"
    assert Env({}).path("CA") is None
    with pytest.raises(SettingsError, match="CA:"):
        Env({"CA": str(tmp_path)}).path("CA")


def test_a_bad_setting_ends_the_process_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_, exit_on_bad_settings():
        Env({"REDIS_URL": "secret-value"}).url("REDIS_URL", ("redis",))
    assert exit_.value.code == EXIT_BAD_SETTINGS
    captured = capsys.readouterr().err
    assert captured == "settings: REDIS_URL: must be a URL that starts with redis://\n"


def test_a_text_for_people_is_printable_and_not_long() -> None:
    assert Env({"SMPP_ACTOR": "Ænna, desk 2 ☎"}).printable("SMPP_ACTOR", longest=64) == "Ænna, desk 2 ☎"
    assert Env({}).printable("SMPP_ACTOR", longest=64) == ""
    for bad in ("a" * 65, "an\nna", "anna\x1b[2J", "\u202eanna", " ", "anna "):
        with pytest.raises(SettingsError, match="SMPP_ACTOR: must be at most 64 printable characters") as refused:
            Env({"SMPP_ACTOR": bad}).printable("SMPP_ACTOR", longest=64)
        assert bad.strip() == "" or bad not in str(refused.value)
