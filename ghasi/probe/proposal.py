"""The profile a run proposes: what it found, laid over the profile the operator has now (docs/profiles.md)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import yaml

from ghasi.operator_answer import InvalidSettings
from ghasi.probe.account import Account
from ghasi.probe.findings import Finding
from ghasi.profiles.merge import diff, overlay, to_data
from ghasi.profiles.names import as_name
from ghasi.profiles.presets import PLAIN_NAME, effective, preset
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.rule_checks import PLACES, document_of
from ghasi.profiles.rules import send_rules
from ghasi.profiles.schema import PLAIN, Profile
from ghasi.stated_rules import stated_rules


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the diff; `why` names the dimension that says so."""

    path: str
    before: Any
    after: Any
    why: str = ""


class Proposal(msgspec.Struct, frozen=True, rename="camel"):
    """`profile` is complete as YAML; `base` the preset it extends; `changes` what differs from what holds now;
    `command` brings `profile` to use, empty where nothing changes."""

    base: str
    profile: str
    changes: tuple[Change, ...]
    command: str = ""


def current(account: Account) -> Profile:
    """What holds for the account now: its profile, and what operator management says over it."""
    found = account.document or (preset(account.profile) if account.profile else None) or PLAIN
    values: dict[str, Any] = {
        "pace.tps": account.tps_limit,
        "pace.window": account.window_size,
        "connection.maxBinds": account.max_binds,
    }
    if account.pair_only:
        values["bind.modes"] = ["pair"]
    try:
        return _with(_with_rules(found, account.rules), values)
    except (InvalidProfile, InvalidSettings):
        return found


def _with_rules(profile: Profile, stated: dict[str, Any]) -> Profile:
    """With `rules` of operator management, which count as a whole where they are nested. Raises InvalidSettings."""
    if not stated:
        return profile
    rules = stated_rules(send_rules(profile), stated)
    document: dict[str, Any] = to_data(profile)
    for place in PLACES.values():
        group, _, field = place.partition(".")
        (document.get(group, {}) if field else document).pop(field or group, None)
    return effective(overlay(document, document_of(rules)))


def unknown_profile(account: Account) -> str:
    """The name of a profile that cannot be seen from here; empty where it can, or there is none."""
    name = account.profile or ""
    return "" if account.document or not name or preset(name) else name


def propose(account: Account, findings: Iterable[Finding], file: str = "profile.yaml") -> Proposal:
    """The findings over the current profile; `file` is where it will lie. Raises InvalidProfile: a finding the schema
    does not take."""
    now = current(account)
    below = account.extends if account.document else account.profile
    base = below if below and preset(below) else PLAIN_NAME
    values: dict[str, Any] = {}
    why: dict[str, str] = {}
    for finding in findings:
        for path, value in finding.proposes.items():
            values[path], why[path] = value, finding.title
    wanted = _with(now, values)
    changes = tuple(
        Change(path=each.path, before=_plain(each.before), after=_plain(each.after), why=why.get(each.path, ""))
        for each in diff(now, wanted)
    )
    command = _import_command(account, file) if changes else ""
    return Proposal(base=base, profile=_as_yaml(base, wanted), changes=changes, command=command)


def _import_command(account: Account, file: str) -> str:
    """Under the operator's id it is the operator's own profile, and changes no other operator of the same profile."""
    name = account.operator_id or as_name(account.name)
    return shlex.join(
        ["python", "manage.py", "profiles", "import", file, "--name", name, "--reason", "certification run"]
    )


def _with(profile: Profile, values: Mapping[str, Any]) -> Profile:
    document: dict[str, Any] = to_data(profile)
    for path, value in values.items():
        document = overlay(document, _nested(path, value))
    return effective(document)


def _nested(path: str, value: Any) -> dict[str, Any]:
    *groups, last = path.split(".")
    nested: dict[str, Any] = {last: value}
    for group in reversed(groups):
        nested = {group: nested}
    return nested


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _as_yaml(base: str, wanted: Profile) -> str:
    """Only what differs from the preset it extends."""
    document: dict[str, Any] = {} if base == PLAIN_NAME else {"extends": base}
    below = PLAIN if base == PLAIN_NAME else preset(base) or PLAIN
    for change in diff(below, wanted):
        document = overlay(document, _nested(change.path, _plain(change.after)))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True) if document else "{}\n"
