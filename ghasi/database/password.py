"""DATABASE_PASSWORD (docs/contract.md §12): beside the URL, so that one in a file can be read at each connection."""

from __future__ import annotations

from ghasi.env import Env, Rotated

# libpq's own `passfile` does not do: libpq ignores one that the process's group may read, and that is how secrets are
# mounted into a container whose user is not root.


def password_from_env(env: Env) -> Rotated | None:
    """None where neither variable is set. Raises SettingsError for a file that is not there or empty."""
    if env.path("DATABASE_PASSWORD_FILE") or env.text("DATABASE_PASSWORD", ""):
        return Rotated(env, "DATABASE_PASSWORD")
    return None
