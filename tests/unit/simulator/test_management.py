from typing import Any

import msgspec

from ghasi.simulator.config import Failure, Operator
from ghasi.simulator.management import FailureScript, credentials

ID = "550e8400-e29b-41d4-a716-446655440001"


def operator(**keys: Any) -> Operator:
    given = {"id": ID, "name": "Roshan-AF", "systemId": "ghasi", "password": "secret"}
    return msgspec.convert(given | keys, Operator)


def test_credentials_as_the_contract_names_them() -> None:
    assert credentials(operator(tpsLimit=50, bindMode="RECEIVER", backupOperatorId=ID), 2775) == {
        "operatorId": ID,
        "operatorName": "Roshan-AF",
        "host": "127.0.0.1",
        "port": 2775,
        "systemId": "ghasi",
        "password": "secret",
        "tpsLimit": 50,
        "bindMode": "RECEIVER",
        "maxBinds": 1,
        "windowSize": 10,
        "tls": False,
        "systemType": "",
        "backupOperatorId": ID,
    }


def test_override_has_the_last_word() -> None:
    wrong = operator(profile="gateway-api", management={"override": {"password": "wrong", "hosts": ["a:1", "b:2"]}})
    answer = credentials(wrong, 2775)
    assert (answer["password"], answer["hosts"], answer["profile"]) == ("wrong", ["a:1", "b:2"], "gateway-api")
    assert answer["backupOperatorId"] is None


def test_failures_in_order_by_count_and_time() -> None:
    first, second = Failure(status=500, times=2), Failure(status=503, skip=1, after=10.0, until=20.0)
    script = FailureScript((first, second))
    assert [script.next(0.0) for _ in range(3)] == [first, first, None]
    assert [script.next(at) for at in (10.0, 11.0, 19.9, 20.0)] == [None, second, second, None]
