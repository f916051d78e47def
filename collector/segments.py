"""A track in pieces: where it is broken, what lies between the breaks is not known.

A track is broken where its flight was not in a feed, where a new connection began, and where no
position came for over five minutes: a connected client's record is renewed within three
(177 s was the oldest of 96,557 recorded).
"""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from collector.distance import distance_nm
from collector.tracks import Floats, Track

LONGEST_STEP_MS = 5 * 60_000


def segments(track: Track, left_ms: Iterable[int]) -> list[Track]:
    """The unbroken pieces of one flight's track.

    `left_ms` are the times (epoch ms) of the last feeds before the flight left or reconnected.
    """
    waits = np.flatnonzero(np.diff(track.at_ms) > LONGEST_STEP_MS) + 1
    left = np.searchsorted(track.at_ms, list(left_ms), side="right")
    cuts = sorted({*waits.tolist(), *left.tolist()} - {0, len(track)})
    ends = [*cuts, len(track)]
    starts = [0, *cuts]
    return [track.select(slice(*piece)) for piece in zip(starts, ends, strict=True) if len(track)]


def join(pieces: list[Track]) -> Track:
    """One track of several, in their order."""
    columns = ([getattr(piece, name) for piece in pieces] for name in Track.__slots__)
    return Track(*(np.concatenate(column or [np.empty(0)]) for column in columns))


class Measures(Struct, frozen=True, kw_only=True):
    """What the positions of a flight tell; None where too few of them know it.

    `distance_flown_nm` leaves out what lies in gaps; `top_speed_kt` is the fastest that two
    successive positions within a piece imply. Altitude in feet above sea level, speeds in knots.
    """

    positions: int
    gaps: int
    tracked_seconds: float
    distance_flown_nm: float
    great_circle_nm: float | None
    max_altitude: int | None
    max_groundspeed: int | None
    top_speed_kt: float | None


def measure(pieces: list[Track]) -> Measures:
    """Measure a flight's track."""
    altitude = _highest([piece.altitude for piece in pieces])
    groundspeed = _highest([piece.groundspeed for piece in pieces])
    moving = [piece for piece in pieces if len(piece) > 1]
    return Measures(
        positions=sum(map(len, pieces)),
        gaps=max(len(pieces) - 1, 0),
        tracked_seconds=sum(int(p.at_ms[-1] - p.at_ms[0]) for p in moving) / 1000,
        distance_flown_nm=round(float(sum(piece.steps_nm().sum() for piece in moving)), 1),
        great_circle_nm=_great_circle_nm(pieces),
        max_altitude=altitude,
        max_groundspeed=groundspeed,
        top_speed_kt=round(max(piece.top_speed_kt() for piece in moving), 1) if moving else None,
    )


def _highest(columns: list[Floats]) -> int | None:
    known = np.concatenate([*columns, np.empty(0)])
    known = known[~np.isnan(known)]
    return int(known.max()) if len(known) else None


def _great_circle_nm(pieces: list[Track]) -> float | None:
    """From the first position to the last."""
    if not pieces:
        return None
    first, last = pieces[0], pieces[-1]
    way = distance_nm(first.latitude[0], first.longitude[0], last.latitude[-1], last.longitude[-1])
    return round(float(way), 1)
