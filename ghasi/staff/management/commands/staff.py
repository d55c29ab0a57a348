"""`manage.py staff ACTION …`: accounts of the admin, their roles and second factors (docs/operations.md)."""

from __future__ import annotations

import getpass
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.management.exits import EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.staff import accounts
from ghasi.staff.accounts import Member, NoSuchUser, Refused
from ghasi.staff.roles import Role


class Command(BaseCommand):
    help = (
        "Lists and makes accounts of the admin. A password is asked for, or read from a file, never given as an "
        "argument. Exit codes: 0 done, 1 refused or unknown user, 2 wrong usage or settings, 3 PostgreSQL not "
        "reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        added = {
            "list": actions.add_parser("list", help="all of the staff"),
            "create": actions.add_parser("create", help="a new account with a role"),
            "role": actions.add_parser("role", help="makes a role the only one of an account"),
            "password": actions.add_parser("password", help="a new password; its sessions end"),
            "reset-second-factor": actions.add_parser("reset-second-factor", help="the next login enrols anew"),
            "unlock": actions.add_parser("unlock", help="forgets failed logins"),
            "log-out": actions.add_parser("log-out", help="ends every session"),
            "deactivate": actions.add_parser("deactivate", help="may not log in any more; sessions end at once"),
            "activate": actions.add_parser("activate", help="may log in again"),
        }
        for name, one in added.items():
            one.add_argument("--json", action="store_true", help="one JSON object on stdout")
            if name != "list":
                one.add_argument("username")
                one.add_argument("--dry-run", action="store_true", help="check and tell, change nothing")
        roles = [role.value for role in Role]
        added["create"].add_argument("--role", required=True, choices=roles)
        added["create"].add_argument("--email", default="")
        added["role"].add_argument("role", choices=roles)
        for name in ("create", "password"):
            added[name].add_argument(
                "--password-file", type=Path, metavar="FILE", help="its first line; without it the terminal is asked"
            )

    def handle(self, *_: Any, **options: Any) -> None:
        action = options["action"]
        try:
            with servers_needed():
                if action == "list":
                    self._list(accounts.members(), as_json=options["json"])
                else:
                    done = getattr(self, f"_{action.replace('-', '_')}")(options)
                    self._tell(options, done)
        except (NoSuchUser, Refused) as error:
            raise CommandError(str(error), returncode=EXIT_NO) from None

    def _list(self, members: list[Member], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"staff": [asdict(one) for one in members]}, default=str))
            return
        for one in members:
            self.stdout.write(_line(one))
        if not members:
            self.stdout.write("nobody: make the first account with `staff create NAME --role lead`")

    def _create(self, options: dict[str, Any]) -> str:
        name, role = options["username"], Role(options["role"])
        if User.objects.filter(username=name).exists():
            raise Refused(f"there is a user {name} already")
        password = _password(options)
        if options["dry_run"]:
            accounts.check_password(password, User(username=name))
        else:
            accounts.create(name, password, role, email=options["email"])
        return f"created, role {role.value}"

    def _role(self, options: dict[str, Any]) -> str:
        user, role = accounts.find(options["username"]), Role(options["role"])
        changed = options["dry_run"] or accounts.give(user, role)
        return f"role {role.value}" if changed else f"role {role.value} before"

    def _password(self, options: dict[str, Any]) -> str:
        user = accounts.find(options["username"])
        password = _password(options)
        if options["dry_run"]:
            accounts.check_password(password, user)
        else:
            accounts.set_password(user, password)
        return "password changed, sessions ended"

    def _reset_second_factor(self, options: dict[str, Any]) -> str:
        user = accounts.find(options["username"])
        if not options["dry_run"]:
            accounts.reset_second_factor(user)
        return "sets up a second factor at the next login"

    def _unlock(self, options: dict[str, Any]) -> str:
        user = accounts.find(options["username"])
        if options["dry_run"]:
            return "may try again"
        return f"may try again; failures came from {accounts.unlock(user)} addresses"

    def _log_out(self, options: dict[str, Any]) -> str:
        user = accounts.find(options["username"])
        if not options["dry_run"]:
            accounts.end_sessions(user)
        return "logged out everywhere"

    def _deactivate(self, options: dict[str, Any]) -> str:
        return self._set_active(options, False)

    def _activate(self, options: dict[str, Any]) -> str:
        return self._set_active(options, True)

    def _set_active(self, options: dict[str, Any], active: bool) -> str:
        user = accounts.find(options["username"])
        changed = options["dry_run"] or accounts.set_active(user, active)
        return ("active" if active else "not active") + ("" if changed else " before")

    def _tell(self, options: dict[str, Any], done: str) -> None:
        if options["json"]:
            told = {
                "user": options["username"],
                "action": options["action"],
                "done": done,
                "dryRun": options["dry_run"],
            }
            self.stdout.write(json.dumps(told))
        else:
            would = "would be: " if options["dry_run"] else ""
            self.stdout.write(f"{options['username']}: {would}{done}")


def _password(options: dict[str, Any]) -> str:
    """From the file, or twice from the terminal. Raises CommandError."""
    file: Path | None = options["password_file"]
    if file is not None:
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {type(error).__name__}", returncode=EXIT_USAGE) from None
        return lines[0] if lines else ""
    if not sys.stdin.isatty():
        raise CommandError("no terminal to ask for the password: use --password-file", returncode=EXIT_USAGE)
    first = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != first:
        raise CommandError("the two are not the same", returncode=EXIT_NO)
    return first


def _line(one: Member) -> str:
    role = "superuser" if one.superuser else ",".join(one.roles) or "-"
    seen = one.last_login.isoformat(timespec="seconds") if one.last_login else "never"
    factor = f"yes codes={one.recovery_codes}" if one.second_factor else "no"
    return (
        f"{one.username} role={role} active={'yes' if one.active else 'no'} second-factor={factor} last-login={seen}"
    )
