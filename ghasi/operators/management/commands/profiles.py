"""`manage.py profiles ACTION …`: live profiles and presets (docs/profiles.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ghasi.bus import BusError, BusSettings
from ghasi.management.exits import EXIT_AWAY, EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.operators.live import read_live
from ghasi.operators.models import Profile, ProfileChange
from ghasi.operators.profile_bucket import publish
from ghasi.operators.profile_use import Use, of_profile, uses
from ghasi.operators.profiles import Author, Saved, delete_profile, effective_of, records, save_profile
from ghasi.operators.shell import somebody
from ghasi.profiles import presets
from ghasi.profiles.merge import diff, to_data
from ghasi.profiles.names import as_name
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.schema import Profile as Schema
from ghasi.profiles.writing import lines_of, placed, to_yaml


class Command(BaseCommand):
    help = (
        "Shows, checks, saves and publishes profiles of operators. Exit codes: 0 done, 1 invalid or unknown, 2 wrong "
        "usage or settings, 3 NATS or PostgreSQL not reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listed = actions.add_parser("list", help="live profiles and presets, and which operators follow them")
        shown = actions.add_parser("show", help="a profile as it is written")
        shown.add_argument("profile", help="name of a live profile or preset, or a file")
        shown.add_argument("--effective", action="store_true", help="with what it extends, all that is not plain")
        checked = actions.add_parser("validate", help="whether a file is a profile; all problems by line")
        checked.add_argument("file", type=Path)
        imported = actions.add_parser("import", help="saves a file as a live profile and publishes it")
        imported.add_argument("file", type=Path)
        imported.add_argument("--name", help="the profile's name; the file's without it")
        deleted = actions.add_parser("delete", help="takes a live profile away")
        deleted.add_argument("profile")
        for one in (imported, deleted):
            one.add_argument("--reason", default="", help="why, kept with the history")
        compared = actions.add_parser("diff", help="what the second says otherwise than the first")
        compared.add_argument("profile", help="name or file")
        compared.add_argument("other", help="name or file")
        past = actions.add_parser("history", help="versions of a live profile, the newest first")
        past.add_argument("profile")
        published = actions.add_parser("publish", help="brings the bucket of live profiles up to the database")
        for one in (imported, deleted, published):
            one.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        for one in (listed, shown, checked, imported, deleted, compared, past, published):
            one.add_argument("--json", action="store_true", help="JSON on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        with servers_needed():
            getattr(self, f"_{options['action']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        used, trouble = _used()
        live = list(Profile.objects.order_by("name"))
        rows: list[dict[str, Any]] = [
            {"name": one.name, "kind": "live", "version": one.version, "by": one.updated_by} for one in live
        ]
        hidden = {one.name for one in live}
        rows += [{"name": one, "kind": "preset"} for one in presets.names() if one not in hidden]
        for row in rows:
            row["operators"] = [_use(one) for one in of_profile(row["name"], used)]
        if options["json"]:
            self.stdout.write(json.dumps({"profiles": rows, "trouble": trouble}))
            return
        for row in rows:
            version = f" version {row['version']} by {row['by'] or '-'}" if row["kind"] == "live" else ""
            self.stdout.write(f"{row['name']} {row['kind']}{version}")
            for one in row["operators"]:
                rebind = f" needs rebind: {', '.join(one['needsRebind'])}" if one["needsRebind"] else ""
                self.stdout.write(f"  {one['operatorId']} {one['operatorName'] or '-'}{rebind}")
        if trouble:
            self.stderr.write(f"who follows them cannot be read: {trouble}")

    def _show(self, options: dict[str, Any]) -> None:
        text, profile = _find(options["profile"])
        if options["json"]:
            self.stdout.write(json.dumps(to_data(profile, complete=options["effective"])))
        else:
            self.stdout.write((to_yaml(to_data(profile)) if options["effective"] else text).rstrip())

    def _validate(self, options: dict[str, Any]) -> None:
        text = _read(options["file"])
        try:
            presets.effective(presets.read_yaml(text) or {})
            problems: list[str] = []
        except InvalidProfile as error:
            lines = lines_of(text)
            problems = [placed(one, lines) for one in error.problems]
        if options["json"]:
            self.stdout.write(json.dumps({"valid": not problems, "problems": problems}))
        else:
            self.stdout.write("\n".join(problems) or "valid")
        if problems:
            raise SystemExit(EXIT_NO)

    def _import(self, options: dict[str, Any]) -> None:
        text = _read(options["file"])
        name = options["name"] or as_name(options["file"].stem)
        try:
            document = presets.read_yaml(text) or {}
            if options["dry_run"]:
                self._would(name, presets.effective(document), options)
                return
            saved = save_profile(name, document, _author(options))
        except InvalidProfile as error:
            lines = lines_of(text)
            raise CommandError("\n".join(placed(one, lines) for one in error.problems)) from None
        self._tell(saved, options)

    def _delete(self, options: dict[str, Any]) -> None:
        if options["dry_run"] and Profile.objects.filter(name=as_name(options["profile"])).exists():
            self._would(as_name(options["profile"]), PLAIN, options)
            return
        saved = delete_profile(options["profile"], _author(options))
        if saved is None:
            raise CommandError(f"no live profile {as_name(options['profile'])}", returncode=EXIT_NO)
        self._tell(saved, options)

    def _diff(self, options: dict[str, Any]) -> None:
        changes = diff(_find(options["profile"])[1], _find(options["other"])[1])
        if options["json"]:
            self.stdout.write(json.dumps({"changes": [one._asdict() for one in changes]}))
        else:
            self.stdout.write("\n".join(map(str, changes)) or "no difference")

    def _history(self, options: dict[str, Any]) -> None:
        rows = ProfileChange.objects.filter(profile_name=options["profile"]).order_by("-version")
        if options["json"]:
            self.stdout.write(json.dumps({"versions": [_version(one) for one in rows]}))
            return
        for one in rows:
            at = one.changed_at.isoformat(timespec="seconds")
            self.stdout.write(f"{one.version} {at} {one.changed_by or '-'} {one.reason}".rstrip())
            if one.document is None:
                self.stdout.write("  taken away")
            for path, before, after in one.changes:
                self.stdout.write(f"  {path}: {json.dumps(before)} -> {json.dumps(after)}")

    def _publish(self, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            names = [one.name for one in records()]
            told = json.dumps({"wouldPublish": names}) if options["json"] else f"{len(names)} live profiles"
            self.stdout.write(told)
            return
        published = publish(BusSettings.from_env(), records())
        if options["json"]:
            self.stdout.write(json.dumps({"published": list(published)}))
            return
        self.stdout.write("\n".join(f"{name} published" for name in published) or "all published before")

    def _would(self, name: str, after: Schema, options: dict[str, Any]) -> None:
        row = Profile.objects.filter(name=name).first()
        changes = diff(effective_of(row), after)
        if options["json"]:
            self.stdout.write(
                json.dumps({"name": name, "dryRun": True, "changes": [one._asdict() for one in changes]})
            )
        else:
            self.stdout.write("\n".join(map(str, changes)) or "no difference")

    def _tell(self, saved: Saved, options: dict[str, Any]) -> None:
        if options["json"]:
            told = {"name": saved.name, "version": saved.version, "needsRebind": list(saved.needs_rebind)}
            self.stdout.write(json.dumps({**told, "changes": [one._asdict() for one in saved.changes]}))
        else:
            for change in saved.changes:
                self.stdout.write(str(change))
            self.stdout.write(
                f"{saved.name} version {saved.version}" + ("" if saved.changes else ", no other effect")
            )
            if saved.needs_rebind:
                self.stdout.write(f"needs rebind: {', '.join(saved.needs_rebind)}")
        try:
            publish(BusSettings.from_env(), (one for one in records() if one.name == saved.name))
        except BusError as error:
            raise CommandError(f"saved, but not published: {error}", returncode=EXIT_AWAY) from None


def _author(options: dict[str, Any]) -> Author:
    return Author(somebody(), options["reason"], timezone.now())


def _find(named: str) -> tuple[str, Schema]:
    """Text and profile of a file, a live profile or a preset."""
    if Path(named).suffix in (".yaml", ".yml", ".json"):
        text = _read(Path(named))
    elif (row := Profile.objects.filter(name=named).first()) is not None:
        text = to_yaml(row.document)
    elif named in presets.names():
        text = presets.source(named)
    else:
        raise CommandError("no live profile, preset or file of that name", returncode=EXIT_NO)
    try:
        return text, presets.effective(presets.read_yaml(text) or {})
    except InvalidProfile as error:
        lines = lines_of(text)
        raise CommandError("\n".join(placed(one, lines) for one in error.problems), returncode=EXIT_NO) from None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {type(error).__name__}", returncode=EXIT_USAGE) from None


def _used() -> tuple[list[Use], str]:
    try:
        return uses(read_live(BusSettings.from_env()).sessions), ""
    except BusError as error:
        return [], str(error)


def _use(one: Use) -> dict[str, Any]:
    return {
        "operatorId": one.operator_id,
        "operatorName": one.operator_name,
        "needsRebind": list(one.needs_rebind),
        "problem": one.problem,
    }


def _version(one: ProfileChange) -> dict[str, Any]:
    return {
        "version": one.version,
        "at": one.changed_at.isoformat(),
        "by": one.changed_by,
        "reason": one.reason,
        "document": one.document,
        "changes": one.changes,
    }
