"""`python -m ghasi.devstack.clean`: end what stacks of this checkout left running, and remove what they left on disk.

Needs the standard library only, so that it works after the virtual environment is gone.
"""

import shutil
import sys

from ghasi.devstack.errors import AlreadyRunning
from ghasi.devstack.paths import RUN_ROOT, remove_private
from ghasi.devstack.rundir import RunDir


def clean() -> None:
    """Raises AlreadyRunning while a stack of this checkout is up; nothing is removed then."""
    held: list[RunDir] = []
    try:
        for folder in sorted(path for path in RUN_ROOT.glob("*") if (path / "lock").exists()):
            run = RunDir(folder)
            run.claim()
            held.append(run)
    finally:
        for run in held:
            run.release()
    shutil.rmtree(RUN_ROOT, ignore_errors=True)
    remove_private()


if __name__ == "__main__":
    try:
        clean()
    except AlreadyRunning as error:
        sys.exit(f"clean: {error}")
