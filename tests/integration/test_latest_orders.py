"""The sessions page's latest orders: by the operator's name where it is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from ghasi.operators.actions import OperatorAction
from ghasi.operators.models import Operator

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser(f"root-{uuid4().hex[:8]}"))
    yield client
    User.objects.all().delete()
    Operator.objects.all().delete()
    connection.close()


def ordered(operator_id: str, **detail: str) -> None:
    OperatorAction.objects.create(
        at=timezone.now(), actor="shell:ann", action="bind", target_kind="operator", target=operator_id, detail=detail
    )


def test_an_order_of_the_shell_is_shown_with_the_name_that_is_known(client: Client) -> None:
    known, unknown, told = str(uuid4()), str(uuid4()), str(uuid4())
    long_ago = timezone.now() - timedelta(days=3)
    Operator.objects.create(operator_id=known, name="Nordwind", first_seen_at=long_ago, last_seen_at=long_ago)
    ordered(known)
    ordered(unknown)
    ordered(told, operatorName="Seeblick")
    orders = client.get("/admin/operators/operator/live/").content.decode().partition('id="live-orders"')[2]
    assert "bind Nordwind" in orders
    assert known not in orders
    assert f"bind {unknown}" in orders
    assert "bind Seeblick" in orders
