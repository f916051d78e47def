"""The history of positions: hot rows, cold windows, and a view over both.

Django knows no partitions, so SQL makes the tables (migration 0002):

- `collector_hotposition`: one row a position, written by COPY, in a partition for each window.
- `collector_trackwindow`: one row a flight and window, with arrays; made of a hot partition when
  a later window's feed is committed, in a partition for each month.
- `collector_feedwindow`: one row a window: its feeds, which `trackwindow.feeds` numbers from 1.

Degrees are stored as integers of 1e-7, QNH as hundredths of an inch: nothing that the feed says
is lost.
"""

from datetime import UTC, datetime, timedelta

from django.db import models

WINDOW = timedelta(minutes=15)
DEGREE = 10_000_000  # stored units in one degree
INCH = 100  # stored units in one inch of mercury


def window_of(feed_at: datetime) -> datetime:
    """The start of the window that holds a feed."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (feed_at - epoch) // WINDOW * WINDOW


class Position(models.Model):
    """One row: a position that a feed reported and that was new, at its own time `at`.

    A view for people and Grafana: name `window_at` in a condition to keep it fast.
    """

    pk = models.CompositePrimaryKey("flight", "feed_at")
    flight = models.ForeignKey("Flight", on_delete=models.DO_NOTHING, related_name="positions")
    window_at = models.DateTimeField()
    feed_at = models.DateTimeField(help_text="the feed that brought it")
    at = models.DateTimeField(help_text="last_updated")
    latitude = models.FloatField()
    longitude = models.FloatField()
    altitude = models.IntegerField(null=True)
    groundspeed = models.SmallIntegerField(null=True)
    heading = models.SmallIntegerField(null=True)
    qnh_i_hg = models.FloatField(null=True)

    class Meta:
        managed = False
        db_table = "collector_position"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.latitude} {self.longitude}"
