"""What is stored of flights that a newcomer may continue (`identity.History`)."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from collector.identity import EarlierFlight
from collector.models import Flight
from collector.tracks import read_track

TOP_SPEED_OF = timedelta(minutes=10)


def earlier_flights(cids: Collection[int], since: datetime) -> Iterator[EarlierFlight]:
    """The flights of `cids` with a plan and a place that have left, and were seen since a time."""
    left = Flight.objects.filter(cid__in=cids, last_seen_at__gte=since)
    planned = left.exclude(departure="").exclude(arrival="")
    for flight in planned:
        if flight.last_seen_at and flight.last_latitude is not None:
            yield EarlierFlight(
                id=flight.id,
                cid=flight.cid,
                departure=flight.departure,
                arrival=flight.arrival,
                last_seen_at=flight.last_seen_at,
                latitude=flight.last_latitude,
                longitude=flight.last_longitude or 0.0,
            )


def top_speed_kt(flight_id: int, until: datetime) -> float:
    """The fastest speed that a flight's positions imply in the ten minutes before a time."""
    since = until - TOP_SPEED_OF
    return read_track(flight_id, since, until).between(since, until).top_speed_kt()
