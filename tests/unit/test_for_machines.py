import pytest
from django.test import Client

ADDRESS = {"host": "10.20.30.40:8000"}


@pytest.mark.parametrize(("path", "holds"), [("/healthz", b"ok\n"), ("/metrics", b"# HELP")])
def test_probes_and_prometheus_ask_by_address(path: str, holds: bytes) -> None:
    answer = Client().get(path, headers=ADDRESS)
    assert answer.status_code == 200
    assert holds in answer.content


def test_everything_else_asks_by_a_name_that_is_allowed() -> None:
    assert Client().get("/admin/login/", headers=ADDRESS).status_code == 400


def test_nothing_can_be_posted_there() -> None:
    assert Client().post("/healthz", headers=ADDRESS).status_code == 400
