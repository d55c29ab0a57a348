"""The PostgreSQL server of the local stack, from the wheel's programs under a launcher of our own."""

import signal
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from ghasi.devstack import postgres_home
from ghasi.devstack.child import Child
from ghasi.devstack.endpoint import DATABASE, Endpoints
from ghasi.devstack.errors import StartFailed
from ghasi.devstack.identity import identify
from ghasi.devstack.ports import free_port
from ghasi.devstack.postgres_home import Home
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.server import Server, plain_env

_PASSWORD_FILE = "postgres.password"  # noqa: S105 - a file name
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_INITDB_OPTIONS = (
    f"--username={DATABASE}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-locale",
    "--no-sync",
    "--no-instructions",
)


class PostgresServer(Server):
    """PostgreSQL on loopback TCP with a random password (SCRAM), durable as in production."""

    name = "postgres"
    # After a kill its back ends need a moment to notice that they are alone.
    passing_failures = ("pre-existing shared memory block",)

    def __init__(self, run: RunDir, endpoints: Endpoints) -> None:
        super().__init__(run, fixed_port=endpoints.planned)
        self._endpoints = endpoints
        self._home: Home | None = None

    @property
    def url(self) -> str:
        """Address for clients, password included."""
        return self._endpoints.database_url

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._prepared().data

    def start(self) -> None:
        """See Server. Creates the database at the first start."""
        super().start()
        self._create_database()

    def make_child(self) -> Child:
        """See Server."""
        home = self._prepared()
        if not (home.data / "PG_VERSION").exists():
            self._initdb(home)
        _drop_stale_lock(home)
        settings = {**_SETTINGS, "port": str(self._endpoints.postgres_port)}
        argv = [str(home.programs / "postgres"), "-D", str(home.data)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Child(
            self.name,
            argv,
            run=self.run,
            env=plain_env(),
            cwd=home.data,
            account=home.account,
            # SIGTERM would wait for every client to leave first.
            stop_signal=signal.SIGINT,
            stop_timeout=15.0,
        )

    def answers(self) -> bool:
        """See Server."""
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StartFailed("postgres refuses the run directory's password: remove the directory") from error
            return False
        return True

    def move(self) -> None:
        """See Server."""
        self._endpoints.postgres_port = free_port()

    def remove_data(self) -> None:
        """Delete the data directory of a stopped server."""
        postgres_home.remove(self.run.path)
        self._home = None

    def _prepared(self) -> Home:
        if self._home is None:
            self._home = postgres_home.prepare(self.run.path)
            self._agree_on_password(self._home)
        return self._home

    def _agree_on_password(self, home: Home) -> None:
        """The password of data that is already there wins; only we can read its file."""
        file = self.run.path / _PASSWORD_FILE
        if (home.data / "PG_VERSION").exists() and file.exists():
            self._endpoints.password = file.read_text()
            return
        file.touch(mode=0o600)
        file.write_text(self._endpoints.password)

    def _initdb(self, home: Home) -> None:
        """Initialise aside and move into place, so that an interrupted start leaves nothing half done."""
        account = home.account
        fresh = postgres_home.owned_folder(home, "data.new")
        password = postgres_home.owned_file(home, "password.new", self._endpoints.password)
        done = subprocess.run(
            [str(home.programs / "initdb"), f"--pgdata={fresh}", f"--pwfile={password}", *_INITDB_OPTIONS],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.run.child_env(dict(plain_env())),
            cwd=fresh,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        password.unlink()
        if done.returncode != 0:
            raise StartFailed(f"initdb failed: {(done.stderr or done.stdout).strip()[-500:]}")
        fresh.rename(home.data)

    def _create_database(self) -> None:
        with closing(self._connect()) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if there is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self._endpoints.postgres_port,
            user=DATABASE,
            password=self._endpoints.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=2,
        )


def _drop_stale_lock(home: Home) -> None:
    """Remove the lock file of a postmaster that is gone.

    PostgreSQL sees to that itself, but takes a killed process that nobody has reaped yet for a living one.
    """
    lock = home.data / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        if identify(int(lock.read_text().split()[0])) is None:
            lock.unlink()
