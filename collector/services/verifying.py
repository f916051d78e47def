"""Proves that what is unique by construction is so."""

from datetime import timedelta

from django.db import connection

from collector.models import Poll


def repeated_positions() -> int:
    """How many positions of the last day's feeds repeat a flight's own time within a window."""
    newest = Poll.objects.accepted().first()
    if newest is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_REPEATED, {"since": newest.feed_at - timedelta(days=1)})
        return int(cursor.fetchone()[0])


_REPEATED = """
    SELECT (SELECT count(*) - count(DISTINCT (flight_id, feed_at + age_ms * interval '1 ms'))
            FROM collector_hotposition WHERE feed_at >= %(since)s)
         + (SELECT coalesce(sum(cardinality(feeds) - (
                SELECT count(DISTINCT places[i][1]) FROM generate_subscripts(places, 1) AS i)), 0)
            FROM collector_trackwindow WHERE window_at >= %(since)s)
"""
