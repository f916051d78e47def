"""Flights: a list, and a page with the drawn track, the plans and the last positions."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q

from collector.admin.base import (
    MOST_SHOWN,
    CollectedAdmin,
    Link,
    Section,
    link_to,
    list_of,
    newest,
    page_of,
)
from collector.admin.differences import as_html, changes
from collector.admin.filters import FlightRulesFilter, PresenceFilter
from collector.admin.labels import quantity, route
from collector.admin.searching import has_callsign, has_cid
from collector.basemap import read_land
from collector.columns import integers, numbers, times
from collector.drawing import draw_track
from collector.models import Flight, Tuning
from collector.services.tracking import pieces_of
from collector.tracks import Track

PLAN_FIELDS = (
    *("flight_rules", "aircraft", "departure", "arrival", "alternate", "altitude", "cruise_tas"),
    *("deptime", "enroute_time", "fuel_time", "assigned_transponder", "route", "remarks"),
)


@admin.register(Flight)
class FlightAdmin(CollectedAdmin):
    """Flights, newest first."""

    list_display = (
        *("callsign", "cid", "airports", "aircraft", "rules"),
        *("first_seen_at", "last_seen_at", "status", "end"),
    )
    list_filter = (
        *(PresenceFilter, FlightRulesFilter),
        *("end_reason", "flown", "landed", "first_seen_at"),
    )
    ordering = ("-first_seen_at", "-id")
    search_fields = ("callsign", "cid", "departure", "arrival")
    search_help_text = "The beginning of a callsign, a CID, a departure or an arrival."
    fields = (
        ("callsign", "cid", "name"),
        ("departure", "arrival", "diverted_from"),
        ("aircraft_short", "flight_rules", "transponder"),
        ("status", "ended_at", "end_reason"),
        ("first_seen_at", "last_seen_at", "logon_time"),
        ("moved", "flown", "landed"),
        ("server", "pilot_rating", "military_rating"),
        ("ground", "extra"),
    )

    @admin.display(description="from – to")  # noqa: RUF001 - a dash
    def airports(self, flight: Flight) -> str:
        """The airports of the plan that holds."""
        return route(flight.departure, flight.arrival)

    @admin.display(description="aircraft")
    def aircraft(self, flight: Flight) -> str:
        """The type."""
        return flight.aircraft_short or "-"

    @admin.display(description="rules")
    def rules(self, flight: Flight) -> str:
        """The feed's letter."""
        return flight.flight_rules or "-"

    @admin.display(description="end")
    def end(self, flight: Flight) -> str:
        """The reason in one word."""
        return flight.end_reason or "-"

    @admin.display(description="ground altitude")
    def ground(self, flight: Flight) -> str:
        """Of the place where it last stood."""
        return quantity(flight.ground_altitude, "ft")

    def matching(self, word: str) -> Q:
        """Callsign, member or airport."""
        airport = word.upper()
        return has_callsign(word) | has_cid(word) | Q(departure=airport) | Q(arrival=airport)

    def about(self, row: Flight) -> dict[str, Any]:
        """The track drawn, what belongs to the flight, and the flights before and after."""
        pieces = pieces_of(row)
        return {
            "drawing": draw_track(pieces, read_land(settings.LAND_FILE)),
            "sections": [_plans(row), _presences(row), _prefiles(row), _positions(pieces)],
            "links": _links(row),
        }


def _links(flight: Flight) -> list[Link]:
    earlier = flight.continues
    return [
        *([Link(page_of(earlier), f"Continues {earlier}")] if earlier else []),
        *(Link(page_of(later), f"Continued by {later}") for later in flight.continued_by.all()),
        Link(list_of(Flight, flight.callsign), f"Flights of {flight.callsign}"),
        Link(list_of(Tuning, flight.callsign), "Tuned frequencies"),
        Link(f"/api/flights/{flight.pk}/track", "Track in the API"),
    ]


def _plans(flight: Flight) -> Section:
    """Each revision of the plan with what it changed, newest first."""
    plans = newest(flight.plans.all(), "feed_at")
    rows = [
        (plan.feed_at, plan.revision_id, as_html(found))
        for plan, found in zip(plans, changes(plans, PLAN_FIELDS), strict=True)
    ]
    return Section("Plan and its revisions", ("Feed", "Revision", "What it says"), rows[::-1])


def _presences(flight: Flight) -> Section:
    presences = newest(flight.presences.all(), "since_at")
    rows = [(p.since_at, p.until_at, p.logon_time, p.transponder) for p in presences]
    return Section("Connections", ("First feed", "Last feed", "Logon", "Squawk"), rows[::-1])


def _prefiles(flight: Flight) -> Section:
    prefiles = newest(flight.prefiles.all(), "first_seen_at")
    rows = [(link_to(p), p.first_seen_at, p.last_seen_at) for p in prefiles]
    return Section("Filed before", ("Plan", "First feed", "Last feed"), rows[::-1])


def _positions(pieces: Sequence[Track]) -> Section:
    rows = deque(chain.from_iterable(map(_rows, pieces)), maxlen=MOST_SHOWN)
    names = ("At", "Latitude", "Longitude", "Altitude ft", "Speed kt", "Heading", "QNH inHg")
    return Section(f"Positions: {sum(map(len, pieces))}", names, list(rows)[::-1])


def _rows(track: Track) -> Iterator[tuple[object, ...]]:
    return zip(
        times(track.at_ms),
        track.latitude.tolist(),
        track.longitude.tolist(),
        *map(integers, (track.altitude, track.groundspeed, track.heading)),
        numbers(track.qnh_i_hg),
        strict=True,
    )
