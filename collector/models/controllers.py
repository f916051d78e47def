"""Controllers' sessions and ATIS stations."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Q

from collector.models.base import Period
from collector.querysets import SessionQuerySet


class ControllerSession(models.Model):
    """One row: a member on one controller's, observer's or station's callsign.

    Written only when something in it changes; when the feed last heard of it is not kept.
    """

    class Status(models.TextChoices):
        """What a session is good for."""

        ACTIVE = "active", "active position"
        PENDING = "pending", "not yet on a frequency"
        OBSERVER = "observer", "observer or supervisor"
        BROADCAST = "broadcast", "ATIS"

    class EndReason(models.TextChoices):
        """Why a session ended."""

        UNSEEN = "unseen", "not seen any more"
        UNOBSERVED = "unobserved", "nobody was collecting"

    cid = models.BigIntegerField()
    callsign = models.CharField(max_length=20)
    is_atis = models.BooleanField(default=False)
    name = models.CharField(max_length=100, blank=True)
    frequency = models.CharField(max_length=12)
    facility = models.IntegerField()
    rating = models.IntegerField()
    server = models.CharField(max_length=40)
    visual_range = models.IntegerField()
    text_atis = ArrayField(models.TextField(), null=True)
    atis_code = models.CharField(max_length=4, null=True)
    logon_time = models.DateTimeField()
    extra = models.JSONField(default=dict, help_text="Values of keys that nobody knew")

    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, help_text="null while the feed has it")
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=10, choices=EndReason, blank=True)
    status = models.CharField(max_length=10, choices=Status)
    active_at = models.DateTimeField(null=True, help_text="first feed in which it was active")
    tuned_at = models.DateTimeField(help_text="feed since which it is on its frequency")

    objects = SessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cid", "callsign", "is_atis", "first_seen_at"], name="session_unique"
            ),
            models.UniqueConstraint(
                fields=["cid", "callsign", "is_atis"],
                condition=Q(ended_at__isnull=True),
                name="session_open_unique",
            ),
        ]
        indexes = [
            # Sessions of a position; the admin's and the API's search, also by beginnings.
            models.Index(
                fields=["callsign", "-first_seen_at"],
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
                name="session_callsign",
            ),
            models.Index(fields=["-first_seen_at", "-id"], name="session_first_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.callsign} {self.frequency}"


class SessionPeriod(models.Model):
    """One row: an uninterrupted run of feeds in which a session looked the same."""

    session = models.ForeignKey(
        ControllerSession, on_delete=models.CASCADE, related_name="periods", db_index=False
    )
    since_at = models.DateTimeField(help_text="first feed")
    until_at = models.DateTimeField(null=True, help_text="last feed; null while it goes on")
    name = models.CharField(max_length=100, blank=True)
    frequency = models.CharField(max_length=12)
    facility = models.IntegerField()
    rating = models.IntegerField()
    server = models.CharField(max_length=40)
    visual_range = models.IntegerField()
    text_atis = ArrayField(models.TextField(), null=True)
    atis_code = models.CharField(max_length=4, null=True)
    logon_time = models.DateTimeField()
    status = models.CharField(max_length=10, choices=ControllerSession.Status)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "since_at"], name="period_unique"),
            models.UniqueConstraint(
                fields=["session"], condition=Q(until_at__isnull=True), name="period_open_unique"
            ),
            models.CheckConstraint(
                condition=Q(until_at__isnull=True) | Q(until_at__gte=models.F("since_at")),
                name="period_forward",
            ),
        ]
        indexes = [
            # Which sessions were there at a time, and what they looked like.
            GistIndex(Period("since_at", "until_at"), name="period_period")
        ]

    def __str__(self) -> str:
        return f"{self.since_at:%Y-%m-%d %H:%M:%S} {self.frequency}"


class AtisSession(ControllerSession):
    """An ATIS station, which is its own list."""

    class Meta:
        proxy = True
        verbose_name = "ATIS"
        verbose_name_plural = "ATIS"
