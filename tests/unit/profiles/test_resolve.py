from __future__ import annotations

from typing import Any

from ghasi.profiles.names import as_name, is_name
from ghasi.profiles.record import ProfileRecord
from ghasi.profiles.resolve import PRESETS, Resolver

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"


def live(**documents: Any) -> tuple[Resolver, dict[str, ProfileRecord]]:
    records = {name.replace("_", "-"): ProfileRecord(name, 1, document) for name, document in documents.items()}
    return Resolver(records.get), records


def test_the_operators_own_wins_over_the_live_one_over_the_preset_over_plain() -> None:
    resolver, records = live(vonage={"pace": {"window": 7}})
    records[OPERATOR] = ProfileRecord(OPERATOR, 3, {"pace": {"window": 8}})
    own = resolver.resolve(OPERATOR, "vonage")
    assert (own.source, own.profile.pace.window, own.problem) == ("own", 8, None)
    named = resolver.resolve("another", "Vonage")
    assert (named.source, named.profile.pace.window) == ("live:vonage", 7)
    preset = PRESETS.resolve(OPERATOR, "vonage")
    assert (preset.source, preset.profile.title) == ("preset:vonage", "Vonage")
    assert PRESETS.resolve(OPERATOR, None).source == "preset:plain"


def test_an_unknown_name_is_plain_and_says_so() -> None:
    found = PRESETS.resolve(OPERATOR, "Roshan")
    assert (found.source, found.problem) == ("preset:plain", "no profile roshan is known")


def test_a_live_profile_that_this_release_cannot_read_is_followed_as_it_was() -> None:
    resolver, records = live(roshan={"pace": {"window": 7}})
    resolver.resolve(OPERATOR, "roshan")
    records["roshan"] = ProfileRecord("roshan", 2, {"pace": {"windows": 9}})
    found = resolver.resolve(OPERATOR, "roshan")
    assert (found.source, found.profile.pace.window) == ("live:roshan", 7)
    assert found.problem is not None
    assert found.problem.startswith("live:roshan version 2 cannot be read here: pace.windows")


def test_one_never_read_here_gives_way_to_the_next_and_says_so() -> None:
    resolver, _ = live(vonage={"pace": {"windows": 9}})
    found = resolver.resolve(OPERATOR, "vonage")
    assert found.source == "preset:vonage"
    assert found.problem is not None


def test_a_lost_bucket_changes_nothing_but_a_profile_taken_away_does() -> None:
    resolver, records = live(roshan={"pace": {"window": 7}})
    resolver.resolve(OPERATOR, "roshan")
    record = records.pop("roshan")
    found = resolver.resolve(OPERATOR, "roshan")
    assert (found.profile.pace.window, found.problem) == (
        7,
        "live:roshan is in the bucket no more, followed as last known",
    )
    records["roshan"] = ProfileRecord("roshan", record.version + 1)
    gone = resolver.resolve(OPERATOR, "roshan")
    assert (gone.source, gone.problem) == ("preset:plain", "no profile roshan is known")


def test_names() -> None:
    assert as_name("GatewayAPI (EU)") == "gatewayapi-eu"
    assert is_name(OPERATOR)
    assert is_name("gatewayapi-eu")
    assert not any(map(is_name, ["", "A", "a.b", "-a", "a--b", "x" * 61, "smpp >"]))
    assert all(is_name(as_name(one)) for one in ("Ünï ☃ x", "a.b*>", "x" * 100))
