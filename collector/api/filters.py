"""What readers ask for: rows of the live lists, ended flights, boxes and spans of time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from math import nan
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from collector.api.members import check_cid, stored_cids
from collector.api.schema import BBOX, query
from collector.live import LiveFlight, LivePosition
from collector.models import Flight
from monitoring.api import parameters

Condition = Callable[[Any], bool]

# --- Live lists ---------------------------------------------------------------------------------

_LOWEST_FT, _HIGHEST_FT = -2_000, 100_000  # what a believable altitude can be
_PLAN_PARAMETERS = ("departure", "arrival", "aircraft_short", "flight_rules")

FLIGHT_PARAMETERS = [
    query("callsign"),
    query("cid", OpenApiTypes.INT, "For anonymous readers a pseudonym, negative"),
    *map(query, _PLAN_PARAMETERS),
    query("status", enum=["active"], description="The list holds active flights only"),
    BBOX,
    query("min_altitude", OpenApiTypes.INT, "ft"),
    query("max_altitude", OpenApiTypes.INT, "ft"),
]
POSITION_PARAMETERS = [
    query("callsign"),
    query("cid", OpenApiTypes.INT, "For anonymous readers a pseudonym, negative"),
    query("facility", description="Number or short name, such as TWR"),
    query("rating", description="Number or short name, such as C1"),
    query("frequency", description="MHz, such as 118.700"),
    BBOX,
]


def flight_conditions(request: Request) -> list[Condition]:
    """What the parameters ask of a flight; raises `ValidationError`."""
    given = request.query_params
    parameters.choice(given, "status", None, allowed=["active"])  # all in the list are
    conditions = _common(request)
    plan = {name: v for name in _PLAN_PARAMETERS if (v := parameters.text(given, name, None))}
    if plan:
        wanted = {name: value.upper() for name, value in plan.items()}
        conditions.append(lambda row: _has_plan(row, wanted))
    if box := bbox(request):
        conditions.append(lambda row: box.holds(row.latitude, row.longitude))
    least = parameters.integer(given, "min_altitude", None, least=_LOWEST_FT, most=_HIGHEST_FT)
    most = parameters.integer(given, "max_altitude", None, least=_LOWEST_FT, most=_HIGHEST_FT)
    if least is not None:
        conditions.append(lambda row: row.altitude is not None and row.altitude >= least)
    if most is not None:
        conditions.append(lambda row: row.altitude is not None and row.altitude <= most)
    return conditions


def position_conditions(request: Request) -> list[Condition]:
    """What the parameters ask of an ATC position; raises `ValidationError`."""
    given = request.query_params
    conditions = _common(request)
    for name in ("facility", "rating"):
        if value := parameters.text(given, name, None):
            conditions.append(_named(name, value.upper()))
    frequency = parameters.number(given, "frequency", None, least=0, most=1000)
    if frequency is not None:
        conditions.append(lambda row: row.frequency == f"{frequency:.3f}")
    if box := bbox(request):
        conditions.append(
            lambda row: row.position is not None and box.holds(row.position.lat, row.position.lon)
        )
    return conditions


def _common(request: Request) -> list[Condition]:
    conditions: list[Condition] = []
    if callsign := parameters.text(request.query_params, "callsign", None):
        wanted = callsign.upper()
        conditions.append(lambda row: row.callsign.upper() == wanted)
    cid = parameters.integer(request.query_params, "cid", None)
    if cid is not None:
        check_cid(request, cid)
        conditions.append(lambda row: row.cid == cid)
    return conditions


def _has_plan(row: LiveFlight, wanted: dict[str, str]) -> bool:
    plan = row.flight_plan or {}
    return all(str(plan.get(name, "")).upper() == value for name, value in wanted.items())


def _named(name: str, value: str) -> Condition:
    def fits(row: LivePosition) -> bool:
        named = getattr(row, name)
        return value in {str(named.id), (named.short or "").upper()}

    return fits


@dataclass(frozen=True, slots=True)
class Box:
    """A box in degrees; `west` greater than `east` crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, latitude: float | None, longitude: float | None) -> bool:
        """Whether a place lies in it."""
        if latitude is None or longitude is None:
            return False
        return bool(self.mask(latitude, longitude))

    def mask(self, latitude: Any, longitude: Any) -> Any:
        """Which places of two arrays lie in it."""
        east_enough, west_enough = longitude >= self.west, longitude <= self.east
        crosses = self.west > self.east
        between = east_enough | west_enough if crosses else east_enough & west_enough
        return between & (latitude >= self.south) & (latitude <= self.north)


def bbox(request: Request) -> Box | None:
    """The `bbox` of a request."""
    if not (text := parameters.text(request.query_params, "bbox", None)):
        return None
    try:
        box = Box(*map(float, text.split(",")))
    except (TypeError, ValueError):
        box = Box(*[nan] * 4)
    is_whole = abs(box.west) <= 180 and abs(box.east) <= 180
    if not (is_whole and -90 <= box.south <= box.north <= 90):
        raise ValidationError({"bbox": ["Must be west,south,east,north in degrees."]})
    return box


def span(request: Request, longest: timedelta) -> tuple[datetime, datetime]:
    """The times `from` and `to` of a request, which are required."""
    since = parameters.instant(request.query_params, "from", None)
    until = parameters.instant(request.query_params, "to", None)
    if since is None or until is None:
        raise ValidationError({"from" if since is None else "to": ["Is required."]})
    if not (since < until and until - since <= longest and until.year < MAXYEAR):
        raise ValidationError({"to": [f"Must be later than from, by at most {longest}."]})
    return since, until


def chosen(rows: Iterable[Any], conditions: list[Condition]) -> list[Any]:
    """The rows that meet all conditions."""
    return [row for row in rows if all(condition(row) for condition in conditions)]


# --- History ------------------------------------------------------------------------------------


class CidFilter(django_filters.NumberFilter):  # type: ignore[misc] # django_filters has no types
    """A whole number."""

    field_class = forms.IntegerField


def _text(help_text: str = "") -> django_filters.CharFilter:
    return django_filters.CharFilter(method="of_text", max_length=100, help_text=help_text)


class FlightFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Filters of ended flights."""

    callsign = _text()
    cid = CidFilter(
        method="of_member",
        min_value=-(2**53),
        max_value=2**53,
        help_text="For anonymous readers a pseudonym, negative",
    )
    departure = _text("Of the last plan")
    arrival = _text("Of the last plan")
    aircraft_short = _text()
    flight_rules = _text("I, V, …")
    end_reason = django_filters.ChoiceFilter(choices=Flight.EndReason.choices)
    first_seen_after = django_filters.IsoDateTimeFilter("first_seen_at", "gte")
    first_seen_before = django_filters.IsoDateTimeFilter("first_seen_at", "lt")
    ended_after = django_filters.IsoDateTimeFilter("ended_at", "gte")
    ended_before = django_filters.IsoDateTimeFilter("ended_at", "lt")

    def of_text(self, flights: "QuerySet[Flight]", name: str, value: str) -> "QuerySet[Flight]":
        """As it was typed or in capitals, so that an index serves both."""
        return flights.filter(**{f"{name}__in": {value, value.upper()}})

    def of_member(self, flights: "QuerySet[Flight]", name: str, value: int) -> "QuerySet[Flight]":
        """By CID or pseudonym."""
        return flights.filter(cid__in=stored_cids(self.request, int(value)))
