"""The local stack's servers: real, durable, restartable, and gone when their owner is."""

import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nats
import psycopg
import pytest
import redis

from ghasi.devstack import paths, postgres_home
from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.errors import AlreadyRunning
from ghasi.devstack.identity import identify, marked
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.servers import Servers

OWNER = """
import signal, sys, time
from pathlib import Path
# A shell that runs the tests in its background has SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ghasi.devstack.servers import Servers
servers = Servers.start(Path(sys.argv[1]), only=sys.argv[2].split(","))
print(servers.run._guard.pid, *(server.pid for server in servers._chosen), flush=True)
time.sleep(60)
"""


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "run"
    yield path
    for left in marked(path):
        os.kill(left.pid, signal.SIGKILL)
    postgres_home.remove(path)


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


def gone(pids: list[int]) -> bool:
    return all(identify(pid) is None for pid in pids)


def owner(run_dir: Path, only: str = "nats,postgres,valkey") -> tuple[subprocess.Popen[str], int, list[int]]:
    """A process that starts servers; gives it, its guard's number and the servers'."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(run_dir), only],
        stdout=subprocess.PIPE,
        text=True,
        cwd=paths.CHECKOUT,
    )
    assert process.stdout is not None
    with process.stdout:
        guard, *servers = [int(word) for word in process.stdout.readline().split()]
    return process, guard, servers


async def test_the_three_serve_real_clients(servers: Servers) -> None:
    client = await nats.connect(servers.nats_url)
    assert (await client.jetstream().account_info()).limits.max_storage != 0
    await client.close()
    with psycopg.connect(servers.database_url) as database:
        answer = database.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        assert answer.fetchone() == ("on", "on")
    with redis.Redis.from_url(servers.redis_url) as store:
        assert store.ping()


def test_env_names_the_servers_as_the_contract_does(servers: Servers) -> None:
    assert set(servers.env()) == {"NATS_URL", "DATABASE_URL", "REDIS_URL"}


def test_jetstream_syncs_every_write(servers: Servers) -> None:
    with urllib.request.urlopen(f"{servers.nats.monitor_url}/jsz") as answer:
        config = json.load(answer)["config"]
    assert config["sync_always"] is True
    assert 0 < config["max_storage"] < 2**40


def test_database_refuses_a_wrong_password(servers: Servers) -> None:
    wrong = servers.database_url.replace(servers.endpoints.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_servers_listen_on_loopback_only(servers: Servers) -> None:
    other = socket.gethostbyname(socket.gethostname())
    if other.startswith("127."):
        other = "127.0.0.2"
    for port in (servers.endpoints.nats_port, servers.endpoints.postgres_port, servers.endpoints.valkey_port):
        with pytest.raises(OSError, match=r"refused|unreachable"):
            socket.create_connection((other, port), timeout=1)


def test_the_database_runs_unprivileged_and_nothing_is_opened_for_it(servers: Servers) -> None:
    root = os.geteuid() == 0
    account = pwd.getpwnam("nobody").pw_uid if root else os.geteuid()
    data = servers.postgres.data.stat()
    assert (data.st_uid, stat.S_IMODE(data.st_mode)) == (account, 0o700)
    assert Path(f"/proc/{servers.postgres.pid}").stat().st_uid == account
    parent = paths.private_folder() if root else servers.run.path
    assert parent in servers.postgres.data.parents
    assert not parent.stat().st_mode & stat.S_IRWXO


async def test_killed_servers_come_back_with_address_and_data(
    own_servers: Callable[..., Servers],
) -> None:
    own = own_servers()
    client = await nats.connect(own.nats_url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"x")
    await client.close()
    with psycopg.connect(own.database_url) as database:
        database.execute("CREATE TABLE kept AS SELECT 7 AS value")
    addresses = own.env()
    for server in (own.nats, own.postgres, own.valkey):
        before = server.pid
        server.kill()
        assert not server.running
        server.restart()
        assert server.pid != before
    assert own.env() == addresses
    client = await nats.connect(own.nats_url)
    assert (await client.jetstream().stream_info("KEPT")).state.messages == 1
    await client.close()
    with psycopg.connect(own.database_url) as database:
        assert database.execute("SELECT value FROM kept").fetchone() == (7,)


def test_paused_server_answers_only_once_resumed(own_servers: Callable[..., Servers]) -> None:
    own = own_servers(only=["valkey"])
    own.valkey.pause()
    assert not own.valkey.answers()
    own.valkey.resume()
    wait_until(own.valkey.answers)


def test_data_stays_for_a_second_run_until_discarded(run_dir: Path) -> None:
    with Servers.start(run_dir, only=["postgres"]) as first, psycopg.connect(first.database_url) as database:
        database.execute("CREATE TABLE kept AS SELECT 7 AS value")
    second = Servers.start(run_dir, only=["postgres"])
    with psycopg.connect(second.database_url) as database:
        assert database.execute("SELECT value FROM kept").fetchone() == (7,)
    data = second.postgres.data
    second.discard()
    assert not data.exists()
    assert not run_dir.exists()


def test_taken_ports_are_given_up_for_others(run_dir: Path) -> None:
    endpoints = Endpoints()
    wanted = [endpoints.nats_port, endpoints.postgres_port, endpoints.valkey_port]
    listeners = [socket.create_server(("127.0.0.1", port)) for port in wanted]
    try:
        with Servers.start(run_dir, endpoints=endpoints) as own:
            got = [own.endpoints.nats_port, own.endpoints.postgres_port, own.endpoints.valkey_port]
            assert not set(got) & set(wanted)
            assert own.nats.answers()
            assert own.postgres.answers()
            assert own.valkey.answers()
    finally:
        for listener in listeners:
            listener.close()


def test_a_living_owner_keeps_its_directory(servers: Servers) -> None:
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        Servers.start(servers.run.path)
    assert servers.nats.answers()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_owner(run_dir: Path, number: signal.Signals) -> None:
    process, guard, pids = owner(run_dir)
    assert not gone(pids[:1])
    process.send_signal(number)
    process.wait(10)
    wait_until(lambda: gone([guard, *pids]))
    assert marked(run_dir) == []


def test_a_second_start_ends_what_owner_and_guard_left(run_dir: Path) -> None:
    process, guard, pids = owner(run_dir)
    os.kill(guard, signal.SIGKILL)
    process.kill()
    process.wait(10)
    assert not gone(pids)
    with Servers.start(run_dir) as second:
        assert gone(pids)
        assert second.nats.answers()
        assert second.postgres.answers()


def test_a_number_given_to_a_stranger_is_left_alone(run_dir: Path) -> None:
    with subprocess.Popen(["sleep", "60"], process_group=0) as stranger:
        (run_dir / "pids").mkdir(parents=True)
        record = {"pid": stranger.pid, "started": "another boot:1", "command": "sleep 60"}
        (run_dir / "pids" / "nats.json").write_text(json.dumps(record))
        run = RunDir(run_dir)
        run.claim()
        run.release()
        assert stranger.poll() is None
        stranger.kill()


def test_a_failed_start_says_why_and_leaves_nothing(run_dir: Path) -> None:
    run_dir.mkdir()
    (run_dir / "nats").write_text("in the way")
    with pytest.raises(Exception, match=r"nats ended while starting; its log ends: .*"):
        Servers.start(run_dir, only=["nats", "valkey"])
    assert marked(run_dir) == []
    (run_dir / "nats").unlink()
    Servers.start(run_dir, only=["nats", "valkey"]).discard()
