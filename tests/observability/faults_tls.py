"""A link over TLS whose certificates are about to expire."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

from tests.observability.scenario import Scenario, alert
from tests.observability.stage import Cast, Stage

SOON = timedelta(days=9)


def encrypted() -> Cast:
    cast = Cast()
    folder = Path(tempfile.mkdtemp(prefix="certificates-"))
    cast.add("well", **_tls(folder, "well", None))
    cast.add("expires", **_tls(folder, "expires", datetime.now(UTC) + SOON))
    return cast


def _tls(folder: Path, name: str, until: datetime | None) -> dict[str, Any]:
    """What the simulator and what operator management has of an operator; both certificates end `until`."""
    place = folder / name
    place.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(place / "ca.pem"))
    for end in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1", not_after=until)
        issued.private_key_and_cert_chain_pem.write_to_path(str(place / f"{end}.pem"))
    server, client, ca = (str(place / f"{one}.pem") for one in ("server", "client", "ca"))
    told = {"ca": ca, "cert": client, "key": client}
    return {
        "tls": {"cert": server, "key": server, "clientCa": ca},
        "management": {"override": {"tls": told}},
    }


async def time_goes_by(stage: Stage) -> None:
    stage.keep("well", 1)
    stage.keep("expires", 1)
    try:
        await stage.until(40)
    finally:
        shutil.rmtree(Path(stage.cast.operators[0]["tls"]["clientCa"]).parents[1])


SCENARIOS = (
    Scenario(
        "certificates",
        "The certificates of one operator's link end in nine days, those of the other in years.",
        encrypted,
        time_goes_by,
        must=alert("CertificateExpires", "expires"),
    ),
)
