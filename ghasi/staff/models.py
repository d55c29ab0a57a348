"""What an account of the staff has beside Django's user."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Account(models.Model):
    """`generation` counts how often all sessions were ended: a session of an older one is over."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    generation = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = '"smpp"."staff_accounts"'
        default_permissions = ()

    def __str__(self) -> str:
        return f"account {self.pk}"
