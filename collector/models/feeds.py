"""The feeds that came, what was wrong with them, and which database they may go to."""

from django.db import models
from django.db.models import Q

from collector.querysets import PollQuerySet


class Poll(models.Model):
    """One row: one feed, under its own time.

    Its row goes in before anything else of the feed, so a feed that has a row is never stored
    again.
    """

    class Outcome(models.TextChoices):
        """What became of a feed."""

        ACCEPTED = "accepted", "stored"
        DROPPED = "dropped", "implausible, not stored"
        REJECTED = "rejected", "not a feed"

    feed_at = models.DateTimeField(primary_key=True, help_text="general.update_timestamp, in ms")
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.CharField(max_length=200, blank=True)
    fetched_at = models.DateTimeField(help_text="wall clock")
    fetch_seconds = models.FloatField()
    body_bytes = models.IntegerField()
    stored_bytes = models.IntegerField(help_text="as compressed in the buffer")
    has_transceivers = models.BooleanField(default=False)
    transceivers_error = models.CharField(max_length=200, blank=True)
    connected_clients = models.IntegerField(null=True)
    unique_users = models.IntegerField(null=True)
    pilots = models.IntegerField(null=True)
    controllers = models.IntegerField(null=True, help_text="without observers")
    observers = models.IntegerField(null=True)
    atis = models.IntegerField(null=True)
    prefiles = models.IntegerField(null=True)
    positions = models.IntegerField(null=True, help_text="new ones")
    rejected = models.IntegerField(default=0, help_text="records that could not be taken")
    rejected_by_reason = models.JSONField(default=dict)
    servers = models.JSONField(default=list, help_text="each server with its clients")

    objects = PollQuerySet.as_manager()

    class Meta:
        ordering = ["-feed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(pilots__isnull=False) | ~Q(outcome="accepted"),
                name="poll_accepted_counted",
            )
        ]
        indexes = [
            # The few feeds among millions that were not stored, or not whole; the admin's filters.
            models.Index(
                fields=["-feed_at"], condition=~Q(outcome="accepted"), name="poll_not_accepted"
            ),
            models.Index(
                fields=["-feed_at"], condition=Q(rejected__gt=0), name="poll_with_rejected"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feed_at:%Y-%m-%d %H:%M:%S}"


class RejectedRecord(models.Model):
    """One row: one of the last records of a feed that could not be taken."""

    poll = models.ForeignKey(Poll, on_delete=models.CASCADE, related_name="rejected_records")
    kind = models.CharField(max_length=20)
    reason = models.CharField(max_length=300)
    record = models.TextField(help_text="the start of its JSON")

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


class FailedPoll(models.Model):
    """One row: a poll that brought no new feed, by the wall clock."""

    entry_id = models.CharField(max_length=40, unique=True, help_text="its id in the buffer")
    at = models.DateTimeField(db_index=True)
    reason = models.CharField(max_length=40)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.reason}"


class UnknownKey(models.Model):
    """One row: a key that appeared in the feed and that nobody knew."""

    key = models.CharField(max_length=100, unique=True, help_text="as list.key")
    first_seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class Reference(models.Model):
    """One row: the feed's own list of ratings or facilities, as it was last changed."""

    name = models.CharField(max_length=20, unique=True)
    entries = models.JSONField()
    feed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
