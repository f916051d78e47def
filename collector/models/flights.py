"""Flights, their plans and presences, and prefiles."""

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Q

from collector.models.base import Period, PlanFields
from collector.querysets import FlightQuerySet


class Flight(models.Model):
    """One row: a flight of one member under one callsign.

    Written only when something in it changes: where it is now stands in its newest position.
    `last_seen_at`, and with it all that begins with `last_`, is null while the newest feed has
    the flight.
    """

    class EndReason(models.TextChoices):
        """Why a flight ended, as far as the feed tells."""

        UNSEEN = "unseen", "not seen for half an hour"
        REPLACED = "replaced", "another flight began"
        UNOBSERVED = "unobserved", "nobody was collecting"

    # Four bytes, since every position carries it: enough for two centuries of traffic.
    id = models.AutoField(primary_key=True)
    cid = models.BigIntegerField()
    callsign = models.CharField(max_length=20)
    name = models.CharField(max_length=100, blank=True)
    server = models.CharField(max_length=40)
    pilot_rating = models.IntegerField()
    military_rating = models.IntegerField(null=True)
    transponder = models.CharField(max_length=4, null=True)
    logon_time = models.DateTimeField()
    extra = models.JSONField(default=dict, help_text="Values of keys that nobody knew")

    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=10, choices=EndReason, blank=True)
    plan = models.ForeignKey(
        "FlightPlan", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    departure = models.CharField(max_length=10, blank=True, help_text="of the plan that holds")
    arrival = models.CharField(max_length=10, blank=True, help_text="of the plan that holds")
    aircraft_short = models.CharField(max_length=20, blank=True)
    flight_rules = models.CharField(max_length=4, blank=True)
    diverted_from = models.CharField(
        max_length=10, blank=True, help_text="the destination filed before it was changed in flight"
    )
    continues = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        related_name="continued_by",
        help_text="the earlier flight that this one takes up again after a gap",
    )
    first_latitude = models.FloatField(null=True)
    first_longitude = models.FloatField(null=True)
    last_at_ms = models.BigIntegerField(null=True, help_text="own time of its last position")
    last_latitude = models.FloatField(null=True)
    last_longitude = models.FloatField(null=True)
    last_altitude = models.IntegerField(null=True)
    last_groundspeed = models.IntegerField(null=True)
    ground_altitude = models.IntegerField(null=True, help_text="where it last stood, in feet")
    moved = models.BooleanField(default=False)
    flown = models.BooleanField(default=False)
    landed = models.BooleanField(default=False)

    objects = FlightQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cid", "callsign", "first_seen_at"], name="flight_unique"
            ),
            # Two open flights of one client cannot be.
            models.UniqueConstraint(
                fields=["cid", "callsign"],
                condition=Q(ended_at__isnull=True),
                name="flight_open_unique",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end_reason="")
                | Q(ended_at__isnull=False, last_seen_at__isnull=False),
                name="flight_end_complete",
            ),
        ]
        indexes = [
            # The latest flight of a callsign; the admin's and the API's search, also by beginnings,
            # which an index in a language's order could not find.
            models.Index(
                fields=["callsign", "-first_seen_at"],
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
                name="flight_callsign",
            ),
            # History in time order; the admin's list.
            models.Index(fields=["-first_seen_at", "-id"], name="flight_first_seen"),
            # Ended flights, newest first; retention.
            models.Index(
                fields=["-ended_at", "-id"],
                condition=Q(ended_at__isnull=False),
                name="flight_ended",
            ),
            # History of an airport.
            models.Index(fields=["departure", "-first_seen_at"], name="flight_departure"),
            models.Index(fields=["arrival", "-first_seen_at"], name="flight_arrival"),
        ]

    def __str__(self) -> str:
        route = f" {self.departure or '?'}-{self.arrival or '?'}" if self.plan_id else ""
        return f"{self.callsign}{route}"

    @property
    def status(self) -> str:
        """`active` in the newest feed, `unseen` while it may come back, else `ended`."""
        if self.ended_at:
            return "ended"
        return "unseen" if self.last_seen_at else "active"


class FlightPlan(PlanFields):
    """One row: one revision of a flight's plan."""

    flight = models.ForeignKey(
        Flight, on_delete=models.CASCADE, related_name="plans", db_index=False
    )
    feed_at = models.DateTimeField(help_text="the feed that brought it")

    class Meta:
        constraints = [
            # Also serves: the plan that held at a time.
            models.UniqueConstraint(fields=["flight", "feed_at"], name="plan_unique")
        ]

    def __str__(self) -> str:
        return f"{self.departure or '?'}-{self.arrival or '?'} ({self.aircraft})"


class Presence(models.Model):
    """One row: an uninterrupted run of feeds that had a flight, under one logon and squawk."""

    flight = models.ForeignKey(
        Flight, on_delete=models.CASCADE, related_name="presences", db_index=False
    )
    logon_time = models.DateTimeField()
    transponder = models.CharField(max_length=4, null=True)
    since_at = models.DateTimeField(help_text="first feed")
    until_at = models.DateTimeField(null=True, help_text="last feed; null while it goes on")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["flight", "since_at"], name="presence_unique"),
            models.UniqueConstraint(
                fields=["flight"],
                condition=Q(until_at__isnull=True),
                name="presence_open_unique",
            ),
            models.CheckConstraint(
                condition=Q(until_at__isnull=True) | Q(until_at__gte=models.F("since_at")),
                name="presence_forward",
            ),
        ]
        indexes = [
            # Which flights were there at a time.
            GistIndex(Period("since_at", "until_at"), name="presence_period")
        ]

    def __str__(self) -> str:
        return f"{self.since_at:%Y-%m-%d %H:%M:%S}"


class Prefile(PlanFields):
    """One row: a plan that was filed without being connected."""

    cid = models.BigIntegerField()
    callsign = models.CharField(max_length=20)
    name = models.CharField(max_length=100, blank=True)
    last_updated = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, help_text="null while the feed has it")
    flight = models.ForeignKey(
        Flight,
        on_delete=models.SET_NULL,
        null=True,
        related_name="prefiles",
        help_text="the flight whose pilot connected with it",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cid", "callsign", "first_seen_at"], name="prefile_unique"
            )
        ]
        indexes = [
            # Those that wait now.
            models.Index(
                fields=["callsign"], condition=Q(last_seen_at__isnull=True), name="prefile_open"
            ),
            models.Index(fields=["-first_seen_at", "-id"], name="prefile_first_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.callsign} {self.departure or '?'}-{self.arrival or '?'}"
