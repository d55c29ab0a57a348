"""Names of profiles, as people write them and as keys of the bucket hold them."""

from __future__ import annotations

import re
from typing import Final

MAX_NAME: Final = 60
_SAFE: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_OTHER: Final = re.compile(r"[^a-z0-9]+")


def is_name(text: str) -> bool:
    """Whether a profile can be called so: lower-case letters, digits and single hyphens. An operator's id is a
    name too: that of its own profile."""
    return len(text) <= MAX_NAME and bool(_SAFE.match(text))


def as_name(text: str) -> str:
    """What somebody wrote as a name: `GatewayAPI (EU)` means `gatewayapi-eu`. Empty where nothing is left."""
    return _OTHER.sub("-", text.lower()).strip("-")[:MAX_NAME].rstrip("-")
