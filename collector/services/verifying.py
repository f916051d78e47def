"""Proves that what is unique by construction is so."""

from datetime import timedelta

from django.db import connection

from collector.models import Poll


def repeated_positions() -> int:
    """How many positions of the last day's feeds stand twice under one flight and feed."""
    newest = Poll.objects.filter(outcome=Poll.Outcome.ACCEPTED).first()
    if newest is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_REPEATED, {"since": newest.feed_at - timedelta(days=1)})
        return int(cursor.fetchone()[0])


_REPEATED = """
    SELECT (SELECT coalesce(sum(n - 1), 0) FROM (
                SELECT count(*) AS n FROM collector_hotposition
                WHERE feed_at >= %(since)s GROUP BY feed_at, flight_id HAVING count(*) > 1
            ) AS hot)
         + (SELECT coalesce(sum(cardinality(feeds) - (
                SELECT count(DISTINCT feed) FROM unnest(feeds) AS feed)), 0)
            FROM collector_trackwindow WHERE window_at >= %(since)s)
"""
