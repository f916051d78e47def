"""The words that views, API and admin share to ask for what was collected."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q


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

    def present_at(self, feed_at: datetime) -> FlightQuerySet:
        """In the feed of that time."""
        from collector.models.base import Period

        periods = self.model.presences.rel.related_model.objects.alias(
            period=Period("since_at", "until_at")
        ).filter(period__contains=feed_at)
        return self.filter(pk__in=periods.values("flight_id"))


class SessionQuerySet(models.QuerySet[Any]):
    """Controllers' sessions, as sentences."""

    def open(self) -> SessionQuerySet:
        """Not ended."""
        return self.filter(ended_at__isnull=True)

    def present(self) -> SessionQuerySet:
        """In the newest accepted feed."""
        return self.filter(ended_at__isnull=True, last_seen_at__isnull=True)

    def active(self) -> SessionQuerySet:
        """Positions that control now."""
        return self.present().filter(status="active")

    def controllers(self) -> SessionQuerySet:
        """Without ATIS stations."""
        return self.filter(is_atis=False)

    def of_position(self, callsign: str) -> SessionQuerySet:
        """All sessions under a callsign."""
        return self.filter(Q(callsign=callsign))
