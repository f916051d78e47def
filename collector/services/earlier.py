"""Finds the flights that a newcomer may continue."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q

from collector.identity import EarlierFlight
from collector.models import Flight
from collector.tracks import read_track

TOP_SPEED_OF = timedelta(minutes=10)


def earlier_flights(cids: Collection[int], since: datetime) -> Iterator[EarlierFlight]:
    """The flights of `cids` with a plan that were seen since a time and are not seen now."""
    left = Q(last_seen_at__gte=since, last_latitude__isnull=False)
    for flight in (
        Flight.objects.filter(left, cid__in=cids).exclude(departure="").exclude(arrival="")
    ):
        yield EarlierFlight(
            id=flight.id,
            cid=flight.cid,
            departure=flight.departure,
            arrival=flight.arrival,
            last_seen_at=flight.last_seen_at,
            latitude=flight.last_latitude,
            longitude=flight.last_longitude,
            top_speed_kt=partial(_top_speed_kt, flight.id, flight.last_seen_at),
        )


def _top_speed_kt(flight_id: int, until: datetime) -> float:
    since = until - TOP_SPEED_OF
    return read_track(flight_id, since, until).between(since, until).top_speed_kt()
