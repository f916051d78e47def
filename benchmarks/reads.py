"""How long it takes to read positions back, at 2,000 aircraft with six hours of history."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from benchmarks.meter import report, wall_ms
from collector.models.positions import WINDOW
from collector.positions import COLD, ensure_partitions
from collector.tracks import read_positions_at, read_track

AIRCRAFT, WINDOWS, FEEDS = 2000, 25, 60  # 1,500 positions a flight
START = datetime(2026, 1, 5, 6, tzinfo=UTC)


def run() -> None:
    """Report a line."""
    _make_history()
    end = START + WINDOWS * WINDOW
    newest = end + WINDOW - timedelta(seconds=15)
    ids = list(range(1, AIRCRAFT + 1))
    report(
        bench="reads",
        aircraft=AIRCRAFT,
        points=len(read_track(7, START, end - WINDOW)),
        track_of_ended_flight_ms=round(wall_ms(lambda: read_track(7, START, end - WINDOW)), 2),
        track_of_current_flight_ms=round(wall_ms(lambda: read_track(7, START + WINDOW, newest)), 2),
        positions_at_past_time_ms=round(
            wall_ms(lambda: read_positions_at(START + timedelta(hours=3, minutes=7), ids)), 2
        ),
        positions_at_recent_time_ms=round(
            wall_ms(lambda: read_positions_at(newest - timedelta(minutes=5), ids)), 2
        ),
    )


def _make_history() -> None:
    """Cold windows and a full hot one, made where they are to be read."""
    values = {"start": START, "aircraft": AIRCRAFT, "windows": WINDOWS, "feeds": FEEDS}
    ensure_partitions(START, START + (WINDOWS + 1) * WINDOW)
    with connection.cursor() as cursor:
        cursor.execute(_FEED_WINDOWS, values)
        cursor.execute(_COLD_ROWS, values)
        cursor.execute(_HOT_ROWS, values)
        cursor.execute(f"ANALYZE {COLD}, collector_feedwindow")  # as autovacuum would


_FEED_WINDOWS = """
    INSERT INTO collector_feedwindow
    SELECT window_at, array_agg(feed_at ORDER BY feed_at)
    FROM generate_series(0, %(windows)s - 1) AS n,
         LATERAL (SELECT %(start)s + n * interval '15 minutes' AS window_at) AS w,
         LATERAL (SELECT window_at + i * interval '15 seconds' AS feed_at
                  FROM generate_series(0, %(feeds)s - 1) AS i) AS f
    GROUP BY window_at"""
_COLD_ROWS = """
    INSERT INTO collector_trackwindow
    SELECT %(start)s + n * interval '15 minutes', flight,
           array_agg(i::smallint),
           array_agg(ARRAY[i * 15000 - 2000, 500000000 + i * 9000, 80000000 + flight, 35000]),
           array_agg(ARRAY[450, 90, 2992]::smallint[])
    FROM generate_series(0, %(windows)s - 1) AS n, generate_series(1, %(aircraft)s) AS flight,
         generate_series(1, %(feeds)s) AS i
    GROUP BY n, flight ORDER BY n, flight"""
_HOT_ROWS = """
    INSERT INTO collector_hotposition
    SELECT %(start)s + %(windows)s * interval '15 minutes' + i * interval '15 seconds', flight,
           -2000, 500000000 + i * 9000, 80000000 + flight, 35000, 450, 90, 2992
    FROM generate_series(0, %(feeds)s - 1) AS i, generate_series(1, %(aircraft)s) AS flight"""
