"""The tables of positions, which are partitioned, and the view over them."""

from django.db import migrations

HOT = """
CREATE TABLE collector_hotposition (
    feed_at timestamptz NOT NULL,
    flight_id integer NOT NULL,
    age_ms integer NOT NULL,
    latitude integer NOT NULL,
    longitude integer NOT NULL,
    altitude integer,
    groundspeed smallint,
    heading smallint,
    qnh smallint
) PARTITION BY RANGE (feed_at);
-- All positions of a feed, and one flight's: each feed's rows are written in the order of flights.
-- No b-tree, which would cost more WAL than the rows.
CREATE INDEX hotposition_places ON collector_hotposition
    USING brin (feed_at, flight_id) WITH (pages_per_range = 2);
"""

COLD = """
CREATE TABLE collector_feedwindow (
    window_at timestamptz PRIMARY KEY,
    feeds timestamptz[] NOT NULL
);
CREATE TABLE collector_trackwindow (
    window_at timestamptz NOT NULL,
    flight_id integer NOT NULL,
    feeds smallint[] NOT NULL,
    places integer[][] NOT NULL,
    motions smallint[][] NOT NULL,
    -- The window first: rows are appended, and a track asks for the windows of its flight.
    PRIMARY KEY (window_at, flight_id)
) PARTITION BY RANGE (window_at);
"""

VIEW = """
CREATE VIEW collector_position AS
SELECT flight_id,
       date_bin('15 minutes', feed_at, timestamptz '1970-01-01 00:00+00') AS window_at,
       feed_at,
       feed_at + age_ms * interval '1 millisecond' AS at,
       latitude / 1e7::float8 AS latitude,
       longitude / 1e7::float8 AS longitude,
       altitude, groundspeed, heading,
       qnh / 100::float8 AS qnh_i_hg
FROM collector_hotposition
UNION ALL
SELECT t.flight_id, t.window_at, f.feeds[t.feeds[i]],
       t.window_at + t.places[i][1] * interval '1 millisecond',
       t.places[i][2] / 1e7::float8, t.places[i][3] / 1e7::float8,
       t.places[i][4], t.motions[i][1], t.motions[i][2],
       t.motions[i][3] / 100::float8
FROM collector_trackwindow t
JOIN collector_feedwindow f USING (window_at)
CROSS JOIN LATERAL generate_series(1, cardinality(t.feeds)) AS i;
"""


class Migration(migrations.Migration):
    """Positions, hot and cold."""

    dependencies = [("collector", "0001_initial")]

    operations = [
        migrations.RunSQL(HOT, "DROP TABLE collector_hotposition"),
        migrations.RunSQL(COLD, "DROP TABLE collector_trackwindow, collector_feedwindow"),
        migrations.RunSQL(VIEW, "DROP VIEW collector_position"),
    ]
