"""Filters whose choices are written down: reading them from a large table would scan it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from collector import callsigns


class ConditionFilter(admin.SimpleListFilter):
    """A filter each of whose choices is a condition: its name in the address, its title, itself."""

    conditions: ClassVar[tuple[tuple[str, str, Q], ...]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What one may choose."""
        return [(name, title) for name, title, _ in self.conditions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that hold the chosen condition; all where none or an unknown one is chosen."""
        for name, _, condition in self.conditions:
            if name == self.value():
                return queryset.filter(condition)
        return queryset


class PresenceFilter(ConditionFilter):
    """Whether the newest feed has a flight or session, may bring it back, or it is over."""

    title = "presence"
    parameter_name = "is"
    conditions = (
        ("active", "in the newest feed", Q(ended_at=None, last_seen_at=None)),
        ("unseen", "may come back", Q(ended_at=None, last_seen_at__isnull=False)),
        ("ended", "ended", Q(ended_at__isnull=False)),
    )


class FlightRulesFilter(ConditionFilter):
    """The rules that plans name."""

    title = "flight rules"
    parameter_name = "flight_rules"
    conditions = (
        ("I", "IFR", Q(flight_rules="I")),
        ("V", "VFR", Q(flight_rules="V")),
        ("Y", "IFR, then VFR", Q(flight_rules="Y")),
        ("Z", "VFR, then IFR", Q(flight_rules="Z")),
        ("S", "special VFR", Q(flight_rules="S")),
        ("D", "defence VFR", Q(flight_rules="D")),
        ("none", "no plan", Q(flight_rules="")),
    )


class FacilityFilter(ConditionFilter):
    """The kinds of positions that the feed numbers."""

    title = parameter_name = "facility"
    conditions = tuple(
        (name, name, Q(facility=getattr(callsigns, name)))
        for name in ("OBS", "FSS", "DEL", "GND", "TWR", "APP", "CTR")
    )


class OpenFilter(ConditionFilter):
    """Whether the newest feed has it."""

    title = "presence"
    parameter_name = "is"
    conditions = (
        ("open", "in the newest feed", Q(until_at=None)),
        ("over", "over", Q(until_at__isnull=False)),
    )


class PrefileFilter(ConditionFilter):
    """Whether a plan waits, or somebody connected with it."""

    title = "status"
    parameter_name = "is"
    conditions = (
        ("waiting", "in the newest feed", Q(last_seen_at=None)),
        ("flown", "became a flight's", Q(flight__isnull=False)),
    )


class RejectedRecordsFilter(ConditionFilter):
    """Whether a feed held records that could not be taken."""

    title = "rejected records"
    parameter_name = "records"
    conditions = (("rejected", "some", Q(rejected__gt=0)),)
