"""What is known of where a flight was."""

from datetime import datetime
from itertools import pairwise

from django.db.models import Q
from msgspec import Struct

from collector.columns import integers, numbers, times
from collector.identity import epoch_ms
from collector.models import Flight, Poll
from collector.segments import segments
from collector.tracks import RENEWED_WITHIN, Track, read_track


def track_of(flight: Flight) -> Track:
    """Every stored position of a flight, in time order."""
    return read_track(flight.pk, flight.first_seen_at, _last_seen_at(flight))


class Place(Struct):
    """A position of a flight; all null where there is none."""

    latitude: float | None = None
    longitude: float | None = None
    altitude: int | None = None
    groundspeed: int | None = None
    heading: int | None = None
    qnh_i_hg: float | None = None
    last_updated: datetime | None = None


def newest_place(flight: Flight) -> Place:
    """A flight's newest position."""
    last_seen_at = _last_seen_at(flight)
    newest = read_track(flight.pk, last_seen_at - RENEWED_WITHIN, last_seen_at)
    if not len(newest):
        return Place()
    newest = newest.select(slice(-1, None))
    return Place(
        latitude=newest.latitude.item(),
        longitude=newest.longitude.item(),
        altitude=integers(newest.altitude)[0],
        groundspeed=integers(newest.groundspeed)[0],
        heading=integers(newest.heading)[0],
        qnh_i_hg=numbers(newest.qnh_i_hg)[0],
        last_updated=times(newest.at_ms)[0],
    )


def pieces_of(flight: Flight) -> list[Track]:
    """A flight's track in unbroken pieces."""
    return segments(track_of(flight), map(epoch_ms, _left_at(flight)))


def observed_seconds(flight: Flight) -> float:
    """How long feeds had the flight, from first to last feed of each presence."""
    newest = _last_seen_at(flight)
    return sum(
        ((presence.until_at or newest) - presence.since_at).total_seconds()
        for presence in flight.presences.all()
    )


def _last_seen_at(flight: Flight) -> datetime:
    """The last feed that had a flight; the newest one if it goes on."""
    if flight.last_seen_at:
        return flight.last_seen_at
    accepted = Poll.objects.accepted()
    return accepted.values_list("feed_at", flat=True).first() or flight.first_seen_at


def _left_at(flight: Flight) -> list[datetime]:
    """The last feeds before a flight was missed or connected anew.

    A presence also ends where only the transponder code changes, which breaks nothing.
    """
    presences = list(flight.presences.order_by("since_at"))
    changes = [(a.until_at, b.since_at, a.logon_time != b.logon_time)
               for a, b in pairwise(presences) if a.until_at]  # fmt: skip
    missed = _without_feeds_between([(a, b) for a, b, is_new in changes if not is_new])
    return [a for a, b, is_new in changes if is_new or (a, b) not in missed]


def _without_feeds_between(
    spans: list[tuple[datetime, datetime]],
) -> set[tuple[datetime, datetime]]:
    """Those of the given times between which there was no feed."""
    if not spans:
        return set()
    within = Q()
    for since, until in spans:
        within |= Q(feed_at__gt=since, feed_at__lt=until)
    accepted = Poll.objects.accepted().filter(within)
    feeds = list(accepted.values_list("feed_at", flat=True))
    return {(a, b) for a, b in spans if not any(a < feed < b for feed in feeds)}
