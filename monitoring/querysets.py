"""The query vocabulary of monitoring's tables."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class ApiTokenQuerySet(models.QuerySet[Any]):
    """Tokens, as sentences."""

    def usable(self) -> ApiTokenQuerySet:
        """Neither expired nor revoked, and of a user who may sign in."""
        return self.filter(expires_at__gt=timezone.now(), revoked_at=None, user__is_active=True)
