from pathlib import Path

import pytest

from ghasi.container.roles import Launch, UnknownRole, launch
from ghasi.env import SettingsError

TEMP = Path("/tmp")


def of(*command: str, **environ: str) -> Launch:
    return launch(command, environ, temp=TEMP)


def test_the_gateway_answers_on_its_port() -> None:
    assert of("gateway").argv[1:] == ("-m", "sessions_gateway")
    assert of("gateway").health == "http://127.0.0.1:3001/health"
    assert of("gateway", HTTP_PORT="3100").health == "http://127.0.0.1:3100/health"


@pytest.mark.parametrize(
    ("host", "asked"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.1.2.3", "10.1.2.3"), ("fd00::1", "[fd00::1]")]
)
def test_health_is_asked_where_the_process_listens(host: str, asked: str) -> None:
    assert of("gateway", HTTP_HOST=host).health == f"http://{asked}:3001/health"
    assert of("receipts", WORKER_HTTP_HOST=host).health == f"http://{asked}:9192/health"


@pytest.mark.parametrize(("queue", "port"), [("dispatch", 9191), ("receipts", 9192)])
def test_a_pool_shows_metrics_and_passes_its_arguments_on(queue: str, port: int) -> None:
    pool = of(queue, "--processes", "3")
    assert pool.argv[1:4] == ("workers.app", "--queues", queue)
    assert pool.argv[-2:] == ("--processes", "3")
    assert pool.env == {"WORKER_HTTP_PORT": str(port)}
    assert pool.health == f"http://127.0.0.1:{port}/health"


def test_a_pool_keeps_the_port_it_is_given() -> None:
    assert of("dispatch", WORKER_HTTP_PORT="9000").env == {}
    assert of("dispatch", WORKER_HTTP_PORT="9000").health == "http://127.0.0.1:9000/health"
    assert of("dispatch", WORKER_HTTP_PORT="0").health is None


@pytest.mark.parametrize(("deadline", "told"), [("35", "40000"), ("1.5", "7000"), ("120", "125000")])
def test_dramatiq_waits_longer_than_the_workers_deadline(deadline: str, told: str) -> None:
    argv = of("dispatch", WORKER_SHUTDOWN_DEADLINE=deadline).argv
    assert argv[argv.index("--worker-shutdown-timeout") + 1] == told


def test_web_writes_to_the_temporary_folder_only() -> None:
    web = of("web")
    assert web.argv[web.argv.index("--worker-tmp-dir") + 1] == "/tmp"
    assert "--no-control-socket" in web.argv
    assert web.argv[-2:] == ("--bind", "0.0.0.0:8000")
    assert web.health == "http://127.0.0.1:8000/healthz"


@pytest.mark.parametrize("given", [["--bind", "[::]:9000"], ["--bind=[::]:9000"], ["-b", "[::]:9000"]])
def test_an_address_of_ones_own_is_the_only_one(given: list[str]) -> None:
    web = of("web", *given)
    assert web.argv[-len(given) :] == tuple(given)
    assert "0.0.0.0:8000" not in web.argv
    assert web.health == "http://[::1]:9000/healthz"


def test_a_command_ends_by_itself() -> None:
    command = of("manage", "migrate", "--check")
    assert command.argv[-2:] == ("migrate", "--check")
    assert Path(command.argv[1]).name == "manage.py"
    assert Path(command.argv[1]).is_file()
    assert command.health is None


@pytest.mark.parametrize("command", [(), ("worker",), ("gateway", "--port", "1")])
def test_what_is_no_role_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(UnknownRole):
        of(*command)


def test_a_setting_that_cannot_be_is_named() -> None:
    with pytest.raises(SettingsError, match="HTTP_PORT"):
        of("gateway", HTTP_PORT="http")
    with pytest.raises(SettingsError, match="WORKER_SHUTDOWN_DEADLINE"):
        of("dispatch", WORKER_SHUTDOWN_DEADLINE="soon")
