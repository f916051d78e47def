"""Controllers' sessions and ATIS stations."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from collector.admin.base import CollectedAdmin, Link, Section, list_of, newest
from collector.admin.differences import as_html, changes
from collector.admin.filters import FacilityFilter, PresenceFilter
from collector.admin.labels import quantity
from collector.admin.searching import has_callsign, has_cid
from collector.live import short_names
from collector.models import AtisSession, ControllerSession, Reference, Tuning

PERIOD_FIELDS = (
    *("status", "frequency", "facility", "rating", "server", "visual_range", "name"),
    *("atis_code", "text_atis", "logon_time"),
)


class SessionAdmin(CollectedAdmin):
    """What pages of controllers and of ATIS have in common."""

    ordering = ("-first_seen_at", "-id")
    search_fields = ("callsign", "cid")
    search_help_text = "The beginning of a callsign, or a CID."
    fields = (
        ("callsign", "cid", "name"),
        ("status", "frequency", "facility_name", "rating_name"),
        ("first_seen_at", "last_seen_at", "logon_time"),
        ("active_at", "tuned_at"),
        ("ended_at", "end_reason"),
        ("server", "visual_range_nm"),
        ("atis_code", "text_atis"),
        "extra",
    )

    @admin.display(description="facility")
    def facility_name(self, session: ControllerSession) -> str:
        """The feed's short name of the facility."""
        return _named("facility", "facilities")(session)

    @admin.display(description="rating")
    def rating_name(self, session: ControllerSession) -> str:
        """The feed's short name of the rating."""
        return _named("rating", "ratings")(session)

    @admin.display(description="visual range")
    def visual_range_nm(self, session: ControllerSession) -> str:
        """As the client asks for traffic."""
        return quantity(session.visual_range, "nm")

    def matching(self, word: str) -> Q:
        """Callsign or member."""
        return has_callsign(word) | has_cid(word)

    def about(self, row: ControllerSession) -> dict[str, Any]:
        """What changed during the session."""
        return {
            "sections": [_periods(row)],
            "links": [
                Link(list_of(type(row), row.callsign), f"Sessions of {row.callsign}"),
                Link(list_of(Tuning, row.callsign), "Tuned frequencies"),
            ],
        }


@admin.register(ControllerSession)
class ControllerSessionAdmin(SessionAdmin):
    """Sessions of controllers, observers and supervisors, newest first."""

    list_display = ("callsign", "cid", "frequency", "kind", "first_seen_at", "last_seen_at")
    list_filter = (PresenceFilter, "status", FacilityFilter, "end_reason", "first_seen_at")

    @admin.display(description="status")
    def kind(self, session: ControllerSession) -> str:
        """The status in one word."""
        return session.status

    def get_queryset(self, request: HttpRequest) -> QuerySet[ControllerSession]:
        """ATIS stations have pages of their own."""
        return super().get_queryset(request).filter(is_atis=False)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """The columns, with the names that the feed gives to its numbers."""
        first, last = self.list_display[:3], self.list_display[3:]
        return (*first, _named("facility", "facilities"), _named("rating", "ratings"), *last)


@admin.register(AtisSession)
class AtisSessionAdmin(SessionAdmin):
    """Sessions of ATIS stations, newest first."""

    list_display = ("callsign", "frequency", "atis_code", "first_seen_at", "last_seen_at", "cid")
    list_filter = (PresenceFilter, "first_seen_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AtisSession]:
        """Controllers have pages of their own."""
        return super().get_queryset(request).filter(is_atis=True)


def _named(column: str, reference: str) -> Callable[[ControllerSession], str]:
    """A column of the feed's numbers that shows the short names which the feed gives them."""
    known = Reference.objects.filter(name=reference).first()
    names = short_names(known.entries if known else ())

    @admin.display(description=column)
    def name(session: ControllerSession) -> str:
        number = getattr(session, column)
        return names.get(number) or str(number)

    return name


def _periods(session: ControllerSession) -> Section:
    periods = newest(session.periods.all(), "since_at")
    rows = [
        (period.since_at, period.until_at, as_html(found))
        for period, found in zip(periods, changes(periods, PERIOD_FIELDS), strict=True)
    ]
    return Section("Periods", ("First feed", "Last feed", "What changed"), rows[::-1])
