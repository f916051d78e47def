"""Who had which frequency tuned."""

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Q

from collector.models.base import Period


class Tuning(models.Model):
    """One row: one radio of one client on one frequency, from feed to feed.

    The antenna stands where it was when the tuning began: a pilot's moves with the aircraft.
    """

    callsign = models.CharField(max_length=20)
    radio = models.IntegerField(help_text="the transceiver's id")
    frequency = models.IntegerField(help_text="Hz, with the noise of the client")
    latitude = models.FloatField()
    longitude = models.FloatField()
    height_msl_m = models.FloatField()
    height_agl_m = models.FloatField()
    since_at = models.DateTimeField(help_text="first feed")
    until_at = models.DateTimeField(null=True, help_text="last feed; null while it goes on")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["callsign", "radio", "since_at"], name="tuning_unique"),
            models.UniqueConstraint(
                fields=["callsign", "radio"],
                condition=Q(until_at__isnull=True),
                name="tuning_open_unique",
            ),
        ]
        indexes = [
            # Who had what tuned at a time.
            GistIndex(Period("since_at", "until_at"), name="tuning_period"),
        ]

    def __str__(self) -> str:
        return f"{self.callsign} {self.frequency / 1e6:.3f}"
