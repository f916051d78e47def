"""Writes positions: COPY into the hot partitions, and compaction into one row a flight and window.

All of it is standard PostgreSQL. The layout is described in `models/positions.py`, its reasons
and measurements in `docs/adr/0002-storage-of-positions.md`.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from collector.identity import OpenFlight, epoch_ms
from collector.models.positions import DEGREE, INCH, WINDOW, window_of
from collector.parsing import Pilot

HOT, COLD = "collector_hotposition", "collector_trackwindow"
_COLUMNS = "feed_at, flight_id, age_ms, latitude, longitude, altitude, groundspeed, heading, qnh"
_WIDTHS = (8, 4, 4, 4, 4, 4, 2, 2, 2)
# A row of PostgreSQL's binary COPY: the number of fields, then each field's length and value.
_ROW = np.dtype(
    [("fields", ">i2")]
    + [
        (f"{part}{i}", ">i4" if part == "length" else f">i{width}")
        for i, width in enumerate(_WIDTHS)
        for part in ("length", "value")
    ]
)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = (-1).to_bytes(4, "big", signed=True)
_POSTGRES_EPOCH_MS = 946_684_800_000  # 2000-01-01

_STATE_COLUMNS = "at, latitude, longitude, altitude, groundspeed, heading, qnh_i_hg"
_STATE_VALUES = """
    h.feed_at + h.age_ms * interval '1 millisecond', h.latitude / 1e7, h.longitude / 1e7,
    h.altitude, h.groundspeed, h.heading, h.qnh"""
_UPDATE_STATES = f"""
    UPDATE collector_flightstate s SET ({_STATE_COLUMNS}) = ROW ({_STATE_VALUES})
    FROM {HOT} h WHERE h.feed_at = %s AND h.flight_id = s.flight_id"""  # noqa: S608
_INSERT_STATES = f"""
    INSERT INTO collector_flightstate (flight_id, {_STATE_COLUMNS})
    SELECT h.flight_id, {_STATE_VALUES}
    FROM {HOT} h WHERE h.feed_at = %s AND h.flight_id = ANY(%s)"""  # noqa: S608


def write_positions(
    feed_at: datetime,
    positions: Sequence[tuple[OpenFlight, Pilot]],
    placed: Collection[int],
) -> None:
    """Append a feed's new positions and bring the flights' current states up to them.

    `placed` are the ids of flights of which this is the first position.
    """
    if not positions:
        return
    with connection.cursor() as cursor:
        partition = _ensure_hot_partition(cursor, window_of(feed_at))
        with cursor.copy(f"COPY {partition} ({_COLUMNS}) FROM STDIN BINARY") as copy:
            copy.write(_HEADER + _rows(feed_at, positions) + _TRAILER)
        # Tells the index of the pages just written, which the next statements ask for.
        cursor.execute("SELECT brin_summarize_new_values(%s)", [f"{partition}_feed_at_idx"])
        cursor.execute(_UPDATE_STATES, [feed_at])
        if placed:
            cursor.execute(_INSERT_STATES, [feed_at, list(placed)])


def _rows(feed_at: datetime, positions: Sequence[tuple[OpenFlight, Pilot]]) -> bytes:
    """The rows of a binary COPY, without its header and trailer."""
    n = len(positions)
    feed_ms = epoch_ms(feed_at)
    pilots = [pilot for _, pilot in positions]
    columns: list[npt.NDArray[np.float64]] = [
        np.full(n, (feed_ms - _POSTGRES_EPOCH_MS) * 1000.0),
        np.array([flight.id for flight, _ in positions], float),
        np.array([flight.at_ms for flight, _ in positions], float) - feed_ms,
        np.array([pilot.latitude for pilot in pilots], float) * DEGREE,
        np.array([pilot.longitude for pilot in pilots], float) * DEGREE,
        np.array([pilot.altitude for pilot in pilots], float),
        np.array([pilot.groundspeed for pilot in pilots], float),
        np.array([pilot.heading for pilot in pilots], float),
        np.array([pilot.qnh_i_hg for pilot in pilots], float) * INCH,
    ]
    rows = np.empty(n, _ROW)
    rows["fields"] = len(_WIDTHS)
    missing = np.zeros(n, bool)
    for i, (width, column) in enumerate(zip(_WIDTHS, columns, strict=True)):
        absent = np.isnan(column)
        missing |= absent
        rows[f"length{i}"] = np.where(absent, -1, width)
        rows[f"value{i}"] = np.rint(np.where(absent, 0, column))
    return rows[~missing].tobytes() + b"".join(_without_nulls(row.tobytes()) for row in rows[missing])


def _without_nulls(row: bytes) -> bytes:
    """A row in which absent fields have no bytes for their value."""
    parts, start = [row[:2]], 2
    for width in _WIDTHS:
        length = row[start : start + 4]
        parts.append(length if length == _NULL else row[start : start + 4 + width])
        start += 4 + width
    return b"".join(parts)


def rebuild_states() -> None:
    """Make the current states of open flights again, as after a crash that emptied the table.

    The newest position of each open flight is looked for in the newest two windows, and in older
    ones for those that have none there.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM collector_flightstate")
        cursor.execute(_REBUILD)


_REBUILD = f"""
    INSERT INTO collector_flightstate (flight_id, {_STATE_COLUMNS})
    SELECT flight.id, p.at, p.latitude, p.longitude, p.altitude, p.groundspeed, p.heading,
           round(p.qnh_i_hg * 100)
    FROM collector_flight flight
    CROSS JOIN LATERAL (
        SELECT * FROM collector_position p
        WHERE p.flight_id = flight.id
          AND p.window_at = ANY (ARRAY(SELECT generate_series(
              date_bin('15 minutes', flight.first_seen_at, timestamptz '1970-01-01 00:00+00'),
              (SELECT max(feed_at) FROM collector_poll), interval '15 minutes')))
        ORDER BY p.feed_at DESC LIMIT 1
    ) p
    WHERE flight.ended_at IS NULL"""  # noqa: S608


# --- Partitions ---------------------------------------------------------------------------------


def _ensure_hot_partition(cursor: CursorWrapper, window_at: datetime) -> str:
    partition = f"{HOT}_{window_at:%Y%m%d%H%M}"
    _ensure_partition(cursor, HOT, partition, window_at, window_at + WINDOW)
    return partition


def _ensure_cold_partition(cursor: CursorWrapper, window_at: datetime) -> None:
    month = datetime(window_at.year, window_at.month, 1, tzinfo=UTC)
    _ensure_partition(cursor, COLD, f"{COLD}_{month:%Y%m}", month, _next_month(month))


def _next_month(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _ensure_partition(
    cursor: CursorWrapper, table: str, partition: str, since: datetime, until: datetime
) -> None:
    """Attaching, unlike creating as a partition, lets readers go on."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [partition])
    if cursor.fetchone()[0]:
        return
    cursor.execute(f"CREATE TABLE {partition} (LIKE {table} INCLUDING ALL)")
    cursor.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM (%s) TO (%s)",
        [since, until],
    )


def partitions(table: str) -> list[tuple[str, datetime]]:
    """The partitions of HOT or COLD with their starts, oldest first."""
    form = {HOT: "%Y%m%d%H%M", COLD: "%Y%m"}[table]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
            " ORDER BY 1",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    starts = [datetime.strptime(n.rpartition("_")[2], form).replace(tzinfo=UTC) for n in names]
    return list(zip(names, starts, strict=True))


# --- Compaction ---------------------------------------------------------------------------------

_COMPACT = """
    WITH feeds AS (
        SELECT feed_at, row_number() OVER (ORDER BY feed_at)::smallint AS number
        FROM (SELECT DISTINCT feed_at FROM {partition}) AS distinct_feeds
    ), saved AS (
        INSERT INTO collector_feedwindow
        SELECT %(window_at)s, array_agg(feed_at ORDER BY number) FROM feeds
    )
    INSERT INTO collector_trackwindow
    SELECT %(window_at)s, flight_id, array_agg(number), array_agg(place), array_agg(motion)
    FROM (
        SELECT flight_id, number,
               ARRAY[(extract(epoch FROM feed_at - %(window_at)s) * 1000)::integer + age_ms,
                     latitude, longitude, altitude] AS place,
               ARRAY[groundspeed, heading, qnh] AS motion
        FROM {partition} JOIN feeds USING (feed_at)
        ORDER BY flight_id, number
    ) AS ordered
    GROUP BY flight_id ORDER BY flight_id
"""


def compact(newest_feed_at: datetime) -> int:
    """Turn the hot windows that are over into rows of arrays; how many were.

    A window is over, and final, when a later window's feed is committed. Where the old partition
    can't be dropped because somebody reads it, the window is left for the next time.
    """
    current = window_of(newest_feed_at)
    done = 0
    for partition, window_at in partitions(HOT):
        if window_at >= current:
            break
        try:
            _compact_window(partition, window_at)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
                raise
            break
        done += 1
    return done


def _compact_window(partition: str, window_at: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # The drop waits for readers, and writers wait behind it: not longer than this.
        cursor.execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL work_mem = '128MB'")
        _ensure_cold_partition(cursor, window_at)
        cursor.execute(_COMPACT.format(partition=partition), {"window_at": window_at})
        cursor.execute(f"DROP TABLE {partition}")


def drop_before(time: datetime) -> int:
    """Drop the cold partitions that hold nothing as new as `time`; how many were."""
    month = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    old = [(name, start) for name, start in partitions(COLD) if start < month]
    for name, start in old:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
            cursor.execute(f"DROP TABLE {name}")
            cursor.execute(
                "DELETE FROM collector_feedwindow WHERE window_at < %s", [_next_month(start)]
            )
    return len(old)
