"""Fields that several models share."""

from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary
from django.db import models


class PlanFields(models.Model):
    """A filed plan: the feed's strings as they came, and what they were read as."""

    flight_rules = models.CharField(max_length=4)
    aircraft = models.CharField(max_length=100)
    aircraft_faa = models.CharField(max_length=40, null=True)
    aircraft_short = models.CharField(max_length=20, null=True)
    departure = models.CharField(max_length=10)
    arrival = models.CharField(max_length=10)
    alternate = models.CharField(max_length=10)
    cruise_tas = models.CharField(max_length=20)
    altitude = models.CharField(max_length=20)
    deptime = models.CharField(max_length=20)
    enroute_time = models.CharField(max_length=20)
    fuel_time = models.CharField(max_length=20)
    remarks = models.TextField()
    route = models.TextField()
    revision_id = models.IntegerField(null=True)
    assigned_transponder = models.CharField(max_length=8, null=True)
    extra = models.JSONField(default=dict, help_text="Values of keys that nobody knew")

    cruise_altitude_ft = models.IntegerField(null=True)
    cruise_altitude_certain = models.BooleanField(default=True)
    estimated_off_block_at = models.DateTimeField(null=True)
    enroute_seconds = models.IntegerField(null=True)
    fuel_seconds = models.IntegerField(null=True)

    class Meta:
        abstract = True


class Period(models.Func):
    """The time from one column to another, both inclusive; open where the second is null."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()

    def __init__(self, since: str, until: str) -> None:
        super().__init__(since, until, RangeBoundary(inclusive_lower=True, inclusive_upper=True))
