"""Where a checkout's local stack keeps its things."""

import hashlib
import os
import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
RUN_ROOT = CHECKOUT / ".run"
_PRIVATE_PARENT = Path("/var/tmp")  # noqa: S108 - only as root, see private_folder


def private_folder(checkout: Path = CHECKOUT) -> Path:
    """Folder for what an unprivileged user must reach while we run as root, named after the checkout's path.

    The checkout itself will not do: its parents may be closed to others (/root), and are not ours to open.
    """
    return _PRIVATE_PARENT / f"ghasi-smpp-{_digest(checkout)}"


def run_name(run_dir: Path) -> str:
    """Short stable name of a run directory, for its share of the private folder."""
    return _digest(run_dir)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]


def make_private(folder: Path, *, mode: int, uid: int, gid: int) -> None:
    """Create a folder of exactly this owner and mode, or check that it is one.

    Raises PermissionError where something else stands there: names under /var/tmp can be taken by anybody.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or found.st_uid != uid:
            raise PermissionError(f"{folder} exists and is not ours: remove it") from None
    else:
        if os.geteuid() == 0:
            os.chown(folder, uid, gid)
    folder.chmod(mode)


def remove_private(checkout: Path = CHECKOUT) -> None:
    """Remove the checkout's private folder, if there is one."""
    shutil.rmtree(private_folder(checkout), ignore_errors=True)
