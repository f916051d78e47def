"""The words that views, API and admin share to ask for what was collected."""

from __future__ import annotations

from typing import Any

from django.db import models


class FlightQuerySet(models.QuerySet[Any]):
    """Flights, as sentences."""

    def active(self) -> FlightQuerySet:
        """In the newest accepted feed."""
        return self.filter(ended_at__isnull=True, last_seen_at__isnull=True)

    def open(self) -> FlightQuerySet:
        """Not ended: active, or missing but expected back."""
        return self.filter(ended_at__isnull=True)

    def ended(self) -> FlightQuerySet:
        """Over."""
        return self.filter(ended_at__isnull=False)


class SessionQuerySet(models.QuerySet[Any]):
    """Controllers' sessions, as sentences."""

    def open(self) -> SessionQuerySet:
        """Not ended."""
        return self.filter(ended_at__isnull=True)

    def controllers(self) -> SessionQuerySet:
        """Without ATIS stations."""
        return self.filter(is_atis=False)


class PollQuerySet(models.QuerySet[Any]):
    """Polls, newest first, as sentences."""

    def accepted(self) -> PollQuerySet:
        """Those whose feed is stored."""
        return self.filter(outcome="accepted")
