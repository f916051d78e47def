"""Writes positions: COPY into the hot partitions, and compaction into one row a flight and window.

All of it is standard PostgreSQL. The layout is described in `models/positions.py`, its reasons
and measurements in `docs/adr/0001-positions.md`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter

import numpy as np
import numpy.typing as npt
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from collector.identity import OpenFlight, epoch_ms
from collector.models.positions import DEGREE, INCH, WINDOW, window_of

HOT, COLD = "collector_hotposition", "collector_trackwindow"
PARTITIONS_LOCK = 0x5654_5054  # the advisory lock of those who drop partitions, or need them all
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
INDEX, PAGES_PER_RANGE = "_feed_at_flight_id_idx", 2  # as migration 0002 makes it
_POSTGRES_EPOCH_MS = 946_684_800_000  # 2000-01-01


def write_positions(feed_at: datetime, flights: Sequence[OpenFlight]) -> None:
    """Append the new positions of `flights`, all of one feed."""
    if not flights:
        return
    with connection.cursor() as cursor:
        partition = _ensure_hot_partition(cursor, window_of(feed_at))
        with cursor.copy(f"COPY {partition} ({_COLUMNS}) FROM STDIN BINARY") as copy:
            copy.write(_HEADER + _rows(feed_at, flights) + _TRAILER)
        _index_pages(cursor, partition, feed_at)


def _index_pages(cursor: CursorWrapper, partition: str, feed_at: datetime) -> None:
    """Tell the BRIN index of the pages that a feed has filled.

    Not of the one that it began, nor of the empty ones that PostgreSQL adds in advance: rows that
    come into pages which the index knows change it one by one, and that costs more than the rows.
    """
    cursor.execute(
        _FILLED_PAGES.format(partition=partition),
        {"feed_at": feed_at, "step": PAGES_PER_RANGE, "index": f"{partition}{INDEX}"},
    )


# From the range that the feed before left half full.
_FILLED_PAGES = """
    SELECT count(brin_summarize_range(%(index)s, block))
    FROM (
        SELECT ((min(ctid)::text::point)[0])::bigint AS first,
               ((max(ctid)::text::point)[0])::bigint AS last
        FROM {partition} WHERE feed_at = %(feed_at)s
    ) AS filled,
    generate_series(greatest(first - first %% %(step)s - %(step)s, 0), last - %(step)s, %(step)s)
        AS block
"""


def _rows(feed_at: datetime, flights: Sequence[OpenFlight]) -> bytes:
    """The rows of a binary COPY, without its header and trailer."""
    flights = sorted(flights, key=attrgetter("id"))  # so that the index can tell their pages
    fixes = [flight.fix for flight in flights]
    n = len(flights)
    feed_ms = epoch_ms(feed_at)
    columns: list[npt.NDArray[np.float64]] = [
        np.full(n, (feed_ms - _POSTGRES_EPOCH_MS) * 1000.0),
        np.array([flight.id for flight in flights], float),
        np.array([flight.at_ms for flight in flights], float) - feed_ms,
        np.array([fix.latitude for fix in fixes], float) * DEGREE,
        np.array([fix.longitude for fix in fixes], float) * DEGREE,
        np.array([fix.altitude for fix in fixes], float),
        np.array([fix.groundspeed for fix in fixes], float),
        np.array([fix.heading for fix in fixes], float),
        np.array([fix.qnh_i_hg for fix in fixes], float) * INCH,
    ]
    rows = np.empty(n, _ROW)
    rows["fields"] = len(_WIDTHS)
    missing = np.zeros(n, bool)
    for i, (width, column) in enumerate(zip(_WIDTHS, columns, strict=True)):
        absent = np.isnan(column)
        missing |= absent
        rows[f"length{i}"] = np.where(absent, -1, width)
        rows[f"value{i}"] = np.rint(np.where(absent, 0, column))
    return rows[~missing].tobytes() + b"".join(
        _without_nulls(row.tobytes()) for row in rows[missing]
    )


def _without_nulls(row: bytes) -> bytes:
    """A row in which absent fields have no bytes for their value."""
    parts, start = [row[:2]], 2
    for width in _WIDTHS:
        length = row[start : start + 4]
        parts.append(length if length == _NULL else row[start : start + 4 + width])
        start += 4 + width
    return b"".join(parts)


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
    # Hot partitions live for minutes: vacuuming them would be work for nothing.
    options = "WITH (autovacuum_enabled = false)" if table == HOT else ""
    cursor.execute(f"CREATE TABLE {partition} (LIKE {table} INCLUDING ALL) {options}")
    cursor.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM (%s) TO (%s)",
        [since, until],
    )


def ensure_partitions(since: datetime, until: datetime) -> None:
    """Make the hot and cold partitions of all windows from `since` to `until`."""
    with connection.cursor() as cursor:
        window_at = window_of(since)
        while window_at < until:
            _ensure_hot_partition(cursor, window_at)
            _ensure_cold_partition(cursor, window_at)
            window_at += WINDOW


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


@contextmanager
def partitions_kept() -> Iterator[None]:
    """Meanwhile nobody drops a partition."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PARTITIONS_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [PARTITIONS_LOCK])


def _may_drop(cursor: CursorWrapper, partition: str) -> bool:
    """Whether nobody else drops or needs partitions until the transaction's end."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
    if not cursor.fetchone()[0]:
        return False
    # Somebody may have dropped it since it was listed.
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [partition])
    return bool(cursor.fetchone()[0])


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
            if not _compact_window(partition, window_at):
                break
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
                raise
            break
        done += 1
    return done


def _compact_window(partition: str, window_at: datetime) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        if not _may_drop(cursor, partition):
            return False
        # The drop waits for readers, and writers wait behind it: not longer than this.
        cursor.execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL work_mem = '128MB'")
        _ensure_cold_partition(cursor, window_at)
        cursor.execute(_COMPACT.format(partition=partition), {"window_at": window_at})
        cursor.execute(f"DROP TABLE {partition}")
    return True


def drop_before(time: datetime) -> int:
    """Drop the cold partitions that hold nothing as new as `time`; how many were."""
    month = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    old = [(name, start) for name, start in partitions(COLD) if start < month]
    dropped = 0
    for name, start in old:
        with transaction.atomic(), connection.cursor() as cursor:
            if not _may_drop(cursor, name):
                break
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
            cursor.execute(f"DROP TABLE {name}")
            cursor.execute(
                "DELETE FROM collector_feedwindow WHERE window_at < %s", [_next_month(start)]
            )
        dropped += 1
    return dropped
