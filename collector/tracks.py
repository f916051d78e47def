"""Reads positions back, hot or cold, as columns."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from psycopg import Cursor
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

from collector.distance import EARTH_RADIUS_NM
from collector.identity import epoch_ms
from collector.models.positions import DEGREE, INCH, WINDOW, window_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """Positions in time order, a column for each value; `flight_id` tells whose.

    `at_ms` is each position's own time (epoch ms). Degrees, feet, knots, inches of mercury; what
    was not known is NaN.
    """

    flight_id: npt.NDArray[np.int64]
    at_ms: npt.NDArray[np.int64]
    latitude: Floats
    longitude: Floats
    altitude: Floats
    groundspeed: Floats
    heading: Floats
    qnh_i_hg: Floats

    def __len__(self) -> int:
        return len(self.at_ms)

    def steps_nm(self) -> Floats:
        """The distance from each position to the next: one value less than positions."""
        lat, lon = np.radians(self.latitude), np.radians(self.longitude)
        a = np.sin(np.diff(lat) / 2) ** 2
        a += np.cos(lat[:-1]) * np.cos(lat[1:]) * np.sin(np.diff(lon) / 2) ** 2
        return 2 * EARTH_RADIUS_NM * np.arcsin(np.sqrt(np.minimum(a, 1)))

    def top_speed_kt(self) -> float:
        """The fastest speed that two successive positions imply; 0 with fewer than two."""
        if len(self) < 2:
            return 0.0
        hours = np.maximum(np.diff(self.at_ms), 1000) / 3_600_000
        return float((self.steps_nm() / hours).max())

    def select(self, which: Any) -> "Track":
        """The positions that an index or mask selects."""
        return Track(*(getattr(self, name)[which] for name in self.__slots__))

    def between(self, since: datetime, until: datetime) -> "Track":
        """The positions whose own time lies from `since` to `until`, both included."""
        return self.select((self.at_ms >= epoch_ms(since)) & (self.at_ms <= epoch_ms(until)))


def read_track(flight_id: int, since: datetime, until: datetime) -> Track:
    """One flight's positions in all windows from that of `since` to that of `until`."""
    return _read("AND flight_id = %(flight_id)s", since, until, flight_id=flight_id)


def read_tracks(since: datetime, until: datetime) -> Track:
    """All flights' positions in those windows, flight by flight, each in time order."""
    track = _read("", since, until)
    return track.select(np.lexsort((track.at_ms, track.flight_id)))


def read_positions_at(feed_at: datetime, flight_ids: Collection[int]) -> Track:
    """The newest position of each of these flights as of a feed, in no order.

    A connected client's record is renewed within three minutes (177 s was the oldest recorded):
    those that have no position in the feed's window or the one before it have none here.
    """
    wanted = np.array(sorted(flight_ids), float)
    found = np.empty((0, 8))
    window = window_of(feed_at)
    with _binary_cursor() as cursor:
        for query, since in (
            (_HOT_AT, feed_at - RENEWED_WITHIN),
            (_HOT_AT, window - WINDOW),
            (_COLD_AT, window),
            (_COLD_AT, window - WINDOW),
        ):
            missing = np.setdiff1d(wanted, found[:, 0], assume_unique=True)
            if len(missing):
                number = _feed_number(cursor, since, feed_at) if query is _COLD_AT else 0
                cursor.execute(query, {"since": since, "feed_at": feed_at, "number": number})
                rows = np.array(cursor.fetchall(), float).reshape(-1, 8)
                found = np.concatenate([found, rows[np.isin(rows[:, 0], missing)]])
    return _track(found)


RENEWED_WITHIN = timedelta(minutes=3)
_HOT_AT = """
    SELECT DISTINCT ON (flight_id)
           flight_id, extract(epoch FROM feed_at)::float8 * 1000 + age_ms,
           latitude, longitude, altitude, groundspeed, heading, qnh
    FROM collector_hotposition
    WHERE feed_at >= %(since)s AND feed_at <= %(feed_at)s
    ORDER BY flight_id, feed_at DESC"""
# The position of the last feed that is not after the asked one.
_COLD_AT = """
    SELECT flight_id, extract(epoch FROM window_at)::float8 * 1000 + places[i][1],
           places[i][2], places[i][3], places[i][4], motions[i][1], motions[i][2], motions[i][3]
    FROM (
        SELECT *, width_bucket(%(number)s::smallint, feeds) AS i
        FROM collector_trackwindow WHERE window_at = %(since)s
    ) AS t
    WHERE i > 0"""


def _feed_number(cursor: Cursor[Any], window_at: datetime, feed_at: datetime) -> int:
    """How many feeds of a compacted window were not after a feed."""
    cursor.execute(
        "SELECT count(*) FROM collector_feedwindow, unnest(feeds) AS feed"
        " WHERE window_at = %s AND feed <= %s",
        [window_at, feed_at],
    )
    (count,) = cursor.fetchone() or (0,)
    return int(count)


_COLD = """
    SELECT flight_id, window_at, places, motions FROM collector_trackwindow
    WHERE window_at = ANY(%(windows)s) {condition} ORDER BY window_at"""
_HOT = """
    SELECT flight_id, extract(epoch FROM feed_at)::float8 * 1000 + age_ms,
           latitude, longitude, altitude, groundspeed, heading, qnh
    FROM collector_hotposition
    WHERE feed_at >= %(since)s AND feed_at < %(until)s {condition} ORDER BY feed_at"""


def _read(condition: str, since: datetime, until: datetime, **values: Any) -> Track:
    windows = [window_of(since)]
    while windows[-1] + WINDOW <= until:
        windows.append(windows[-1] + WINDOW)
    limits = {"windows": windows, "since": windows[0], "until": windows[-1] + WINDOW}
    with _binary_cursor() as cursor:
        cursor.execute(_COLD.format(condition=condition), limits | values)
        blocks = [_unfold(*row) for row in cursor]
        cursor.execute(_HOT.format(condition=condition), limits | values)
        hot = np.array(cursor.fetchall(), float).reshape(-1, 8)
    return _track(np.concatenate([*blocks, hot]))


def _unfold(flight_id: int, window_at: datetime, places: Floats, motions: Floats) -> Floats:
    """A cold row as a block with a line for each position, in the columns of a hot row."""
    block = np.empty((len(places), 8))
    block[:, 0] = flight_id
    block[:, 1:5] = places
    block[:, 1] += epoch_ms(window_at)
    block[:, 5:] = motions
    return block


def _track(block: Floats) -> Track:
    flight_id, at_ms, latitude, longitude, altitude, groundspeed, heading, qnh = block.T
    return Track(
        flight_id=flight_id.astype(np.int64),
        at_ms=np.rint(at_ms).astype(np.int64),
        latitude=latitude / DEGREE,
        longitude=longitude / DEGREE,
        altitude=altitude,
        groundspeed=groundspeed,
        heading=heading,
        qnh_i_hg=qnh / INCH,
    )


@contextmanager
def _binary_cursor() -> Iterator[Cursor[Any]]:
    """A cursor that gives integer arrays as NumPy arrays of floats, null as NaN."""
    connection.ensure_connection()
    with Cursor(connection.connection) as cursor:
        cursor.format = Format.BINARY
        for name in ("int2", "int4"):
            cursor.adapters.register_loader(cursor.adapters.types[name].array_oid, _IntegerArray)
        yield cursor


class _IntegerArray(Loader):
    """Reads PostgreSQL's binary form: dimensions, then each element's length and value."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Floats:
        """The array with its dimensions."""
        content = bytes(data)
        ndim, has_nulls, _ = np.frombuffer(content, ">i4", 3)
        shape = np.frombuffer(content, ">i4", 2 * ndim, offset=12)[::2]
        body = content[12 + 8 * ndim :]
        count = int(shape.prod()) if ndim else 0
        if has_nulls:
            return np.array(_elements(body, count)).reshape(shape)
        width = len(body) // max(count, 1) - 4
        elements = np.frombuffer(body, np.dtype([("length", ">i4"), ("value", f">i{width}")]))
        return elements["value"].astype(float).reshape(shape)


def _elements(body: bytes, count: int) -> list[float]:
    values, start = [], 0
    for _ in range(count):
        length = int.from_bytes(body[start : start + 4], "big", signed=True)
        start += 4
        if length < 0:
            values.append(np.nan)
            continue
        values.append(float(int.from_bytes(body[start : start + length], "big", signed=True)))
        start += length
    return values
