"""Where PostgreSQL's programs and data live, and whose they are.

PostgreSQL refuses to run as root. Root is common in containers and CI, so there the server runs as
`nobody`: no user is added and no folder of anybody's opened. It can reach neither the wheel nor the run
directory behind a closed parent, so a copy of its programs and its data stand in the checkout's private
folder.
"""

import fcntl
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ghasi.devstack import binaries
from ghasi.devstack.child import Account
from ghasi.devstack.errors import DevstackError
from ghasi.devstack.paths import make_private, private_folder, run_name
from ghasi.devstack.rundir import is_held

_PROGRAMS = ("initdb", "postgres")
_OWNER_FILE = "run-directory"


@dataclass(frozen=True, slots=True)
class Home:
    """Programs and data of one run; `account` is None where the server runs as ourselves.

    `data` exists once it was initialised, its parent always.
    """

    programs: Path
    data: Path
    account: Account | None


def prepare(run_dir: Path) -> Home:
    """The home of a run directory's database.

    Raises DevstackError where we are root and have nobody to run as.
    """
    if os.geteuid() != 0:
        return Home(binaries.postgres_package() / "pginstall" / "bin", run_dir / "postgres", None)
    account = _nobody()
    with _locked_folder(account) as folder:
        _sweep(folder)
        programs = _copy_programs(folder)
        home = folder / run_name(run_dir)
        make_private(home, mode=0o710, uid=0, gid=account.gid)
        (home / _OWNER_FILE).write_text(str(run_dir))
    return Home(programs, home / "data", account)


def owned_folder(home: Home, name: str) -> Path:
    """An empty folder beside the data that the server's account owns."""
    folder = home.data.with_name(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    _hand_over(folder, home.account)
    return folder


def owned_file(home: Home, name: str, text: str) -> Path:
    """A file beside the data that only the server's account (and root) can read."""
    file = home.data.with_name(name)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
    _hand_over(file, home.account)
    return file


def _hand_over(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def remove(run_dir: Path) -> None:
    """Delete a run's data; with the last run's the private folder goes."""
    shutil.rmtree(run_dir / "postgres", ignore_errors=True)
    if os.geteuid() != 0 or not private_folder().exists():
        return
    with _locked_folder(_nobody()) as folder:
        shutil.rmtree(folder / run_name(run_dir), ignore_errors=True)
        _sweep(folder)
        if not any(folder.glob(f"*/{_OWNER_FILE}")):
            shutil.rmtree(folder)


@contextmanager
def _locked_folder(account: Account) -> Iterator[Path]:
    """The private folder, made if need be, ours alone meanwhile. Raises DevstackError where it is not ours."""
    folder = private_folder()
    while True:
        try:
            make_private(folder, mode=0o710, uid=0, gid=account.gid)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise DevstackError(str(error)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _still_there(folder, handle):
                yield folder
                return
        finally:
            os.close(handle)


def _still_there(folder: Path, handle: int) -> bool:
    """Whether the folder we hold was not removed, and perhaps made anew, while we waited for it."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _nobody() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise DevstackError("PostgreSQL refuses root and there is no user `nobody`: run as another user") from None
    return Account(entry.pw_uid, entry.pw_gid)


def _sweep(folder: Path) -> None:
    """Remove the data of runs whose directory is gone and that nobody holds (their owner was killed)."""
    for owner_file in folder.glob(f"*/{_OWNER_FILE}"):
        run_dir = Path(owner_file.read_text())
        if not run_dir.exists() and not is_held(run_dir):
            shutil.rmtree(owner_file.parent, ignore_errors=True)


def _copy_programs(folder: Path) -> Path:
    """Copy what the server needs of the wheel, once per version of it."""
    package = binaries.postgres_package()
    source = package / "pginstall"
    stamp = (source / "bin" / "postgres").stat()
    target = folder / f"programs-{stamp.st_size:x}-{int(stamp.st_mtime):x}"
    programs = target / package.name / "pginstall" / "bin"
    if target.is_dir():
        return programs
    # The wheel's programs find their libraries relative to themselves, so its layout is kept.
    fresh = Path(tempfile.mkdtemp(prefix="programs-new-", dir=folder))
    install = fresh / package.name / "pginstall"
    (install / "bin").mkdir(parents=True)
    for program in _PROGRAMS:
        shutil.copy2(source / "bin" / program, install / "bin")
    shutil.copytree(source / "lib", install / "lib", ignore=shutil.ignore_patterns("*.a", "pkgconfig", "pgxs"))
    shutil.copytree(source / "share", install / "share", ignore=shutil.ignore_patterns("doc", "man"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name)
    fresh.chmod(0o755)
    fresh.rename(target)
    return programs
