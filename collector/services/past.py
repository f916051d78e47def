"""The lists as a past feed would have given them, out of history.

What was in a feed is told by presences and periods; where it was by the newest position that this
or an earlier feed had brought. Held nowhere, and therefore null: controllers' `last_updated`, and
`server` and ratings of a connection before a flight's last one.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from msgspec import Meta, Struct

from collector import counts
from collector.callsigns import normalise
from collector.columns import integers, numbers, times
from collector.freshness import Freshness, freshness
from collector.known import antenna
from collector.live import LiveFlight, LivePosition, Named, NetworkStatus
from collector.models import FlightPlan, Poll, Presence, SessionPeriod, Source, Tuning
from collector.models.base import Period
from collector.parsing import HPA_PER_INCH
from collector.plans import Plan
from collector.services.references import station_names
from collector.tracks import read_positions_at
from monitoring import runtime


class OutsideHistory(Exception):
    """A time of which nothing is held; the message says what is."""


def newest_poll() -> Poll | None:
    """The newest feed that is stored."""
    return Poll.objects.accepted().first()


def through(at: datetime) -> datetime:
    """The last instant that a reader's time means: given to the second, the whole of it counts.

    Pages and headings show times to the second, so the feed of 12:00:10.119 is asked for as
    12:00:10. A time with a fraction is that instant; a fraction of zero is none.
    """
    return at if at.microsecond else at.replace(microsecond=999_999)


def feed_of(at: datetime) -> datetime:
    """The time of the newest accepted feed up to `at`, see `through`. Raises `OutsideHistory`."""
    accepted = Poll.objects.accepted()
    newest = newest_poll()
    if newest is None:
        raise OutsideHistory("There is no history yet.")
    # A running network's outage is part of its history; a recording ends with its last feed.
    is_recorded = Source.objects.filter(kind=Source.Kind.RECORDED).exists()
    last = newest.feed_at if is_recorded else max(newest.feed_at, timezone.now())
    found = accepted.filter(feed_at__lte=through(at)).values_list("feed_at", flat=True).first()
    if found is None or at > last:
        first = accepted.values_list("feed_at", flat=True).last()
        raise OutsideHistory(f"History is held from {_iso(first)} to {_iso(newest.feed_at)}.")
    return found


def _iso(at: datetime | None) -> str:
    """A feed's own time, with its milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else "never"


def age_at(feed_at: datetime, at: datetime) -> Freshness:
    """How old a feed was at a past time."""
    operations = runtime.current()
    return freshness(feed_at, at, operations.feed_stale_seconds, operations.feed_outage_seconds)


def network(feed_at: datetime) -> NetworkStatus:
    """What a feed said of the network."""
    poll = Poll.objects.get(pk=feed_at)
    counts = NetworkStatus.__struct_fields__[1:]
    return NetworkStatus(feed_at, *(getattr(poll, name) for name in counts))


class Counts(Struct):
    """The numbers of one feed."""

    at: Annotated[datetime, Meta(description="The feed's own time")]
    connected_clients: counts.Clients
    unique_users: counts.Users
    pilots: counts.Pilots
    controllers: counts.Controllers
    observers: counts.Observers
    atis: counts.Atis
    prefiles: counts.Prefiles


COUNTS = Counts.__struct_fields__[1:]
COUNTED_FOR, COUNTED_EVERY = timedelta(hours=24), timedelta(minutes=15)


@lru_cache(maxsize=16)
def counts_before(feed_at: datetime) -> list[Counts]:
    """The numbers of the day up to a feed: of the newest feed in each quarter of an hour."""
    values: Any = {"since": feed_at - COUNTED_FOR, "feed_at": feed_at, "every": COUNTED_EVERY}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, values)
        return [Counts(*row) for row in cursor.fetchall()]


_COUNTS = f"""
    SELECT DISTINCT ON (date_bin(%(every)s, feed_at, 'epoch')) feed_at, {", ".join(COUNTS)}
    FROM collector_poll
    WHERE feed_at > %(since)s AND feed_at <= %(feed_at)s AND outcome = 'accepted'
    ORDER BY date_bin(%(every)s, feed_at, 'epoch'), feed_at DESC"""  # noqa: S608 - our own columns


IntervalT = TypeVar("IntervalT", Presence, SessionPeriod, Tuning)


def _holding(intervals: "QuerySet[IntervalT]", feed_at: datetime) -> "QuerySet[IntervalT]":
    """Those in which a feed lies, both ends included."""
    contains = {"period__contains": feed_at}
    return intervals.alias(period=Period("since_at", "until_at")).filter(**contains)


# --- Flights ------------------------------------------------------------------------------------


def flights(feed_at: datetime) -> list[LiveFlight]:
    """The flights of a feed, with names and CIDs."""
    present = _holding(Presence.objects.all(), feed_at)
    presences = list(
        present.order_by("flight_id").values_list("logon_time", "transponder", *_FLIGHT_COLUMNS)
    )
    plans = _plans(present.values("flight_id"), feed_at)
    places = _places(feed_at, [flight_id for _, _, flight_id, *_ in presences])
    return [
        _flight(presence, plans.get(presence[2]), places.get(presence[2], _NOWHERE))
        for presence in presences
    ]


_FLIGHT_COLUMNS = (
    "flight_id", "flight__cid", "flight__callsign", "flight__name", "flight__logon_time",
    "flight__server", "flight__pilot_rating", "flight__military_rating",
)  # fmt: skip
_NOWHERE = (None,) * 7


def _flight(
    presence: tuple[Any, ...], plan: dict[str, Any] | None, place: tuple[Any, ...]
) -> LiveFlight:
    logon_time, transponder, flight_id, cid, callsign, name, last_logon_time, *connection = presence
    if logon_time != last_logon_time:
        connection = [None, None, None]
    server, pilot_rating, military_rating = connection
    at, latitude, longitude, altitude, groundspeed, heading, qnh_i_hg = place
    return LiveFlight(
        id=flight_id,
        cid=cid,
        name=name,
        callsign=callsign,
        server=server,
        pilot_rating=pilot_rating,
        military_rating=military_rating,
        latitude=latitude,
        longitude=longitude,
        altitude=altitude,
        groundspeed=groundspeed,
        transponder=transponder,
        heading=heading,
        qnh_i_hg=qnh_i_hg,
        qnh_mb=None if qnh_i_hg is None else round(qnh_i_hg * HPA_PER_INCH),
        flight_plan=plan,
        logon_time=logon_time,
        last_updated=at,
    )


def _places(feed_at: datetime, flight_ids: list[int]) -> dict[int, tuple[Any, ...]]:
    """Each flight's time, degrees, feet, knots, heading and inches of mercury."""
    track = read_positions_at(feed_at, flight_ids)
    columns = (
        times(track.at_ms),
        track.latitude.tolist(),
        track.longitude.tolist(),
        *map(integers, (track.altitude, track.groundspeed, track.heading)),
        numbers(track.qnh_i_hg),
    )
    return dict(zip(track.flight_id.tolist(), zip(*columns, strict=True), strict=True))


PLAN_COLUMNS = tuple(name for name in Plan.__struct_fields__ if name != "extra")


def _plans(flight_ids: "QuerySet[Any]", feed_at: datetime) -> dict[int, dict[str, Any]]:
    """The plan that held for each flight, as the feed writes one."""
    held = (
        FlightPlan.objects.filter(flight__in=flight_ids, feed_at__lte=feed_at)
        .order_by("flight_id", "-feed_at")
        .distinct("flight_id")
        .values_list("flight_id", "extra", *PLAN_COLUMNS)
    )
    return {
        flight_id: dict(zip(PLAN_COLUMNS, values, strict=True)) | extra
        for flight_id, extra, *values in held
    }


# --- Controllers --------------------------------------------------------------------------------


def positions(feed_at: datetime) -> list[LivePosition]:
    """The active positions of a feed, with names and CIDs."""
    present = _holding(SessionPeriod.objects.all(), feed_at)
    present = present.select_related("session").order_by("session_id")
    controllers = list(present.filter(status="active"))
    codes = {
        station.session.callsign: station.atis_code
        for station in present.filter(status="broadcast")
    }
    radios = _radios(feed_at, [row.session.callsign for row in controllers])
    facilities, ratings = station_names()
    return [
        LivePosition(
            id=row.session_id,
            cid=row.session.cid,
            name=row.name,
            callsign=callsign,
            facility=Named(row.facility, facilities.get(row.facility)),
            frequency=row.frequency,
            rating=Named(row.rating, ratings.get(row.rating)),
            server=row.server,
            visual_range=row.visual_range,
            text_atis=row.text_atis,
            atis_code=codes.get(normalise(callsign).split("_")[0] + "_ATIS"),
            logon_time=row.logon_time,
            last_updated=None,
            position=antenna(row.frequency, radios.get(callsign, ())),
        )
        for row in controllers
        for callsign in [row.session.callsign]
    ]


def _radios(feed_at: datetime, callsigns: Iterable[str]) -> Mapping[str, list[Any]]:
    radios: dict[str, list[Any]] = {}
    tuned = _holding(Tuning.objects.all(), feed_at)
    for tuning in tuned.filter(callsign__in=list(callsigns)):
        radios.setdefault(tuning.callsign, []).append(tuning)
    return radios
