"""Errors by kind and by the hour, samples of them, and how the system recovered."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from monitoring.errors.kinds import BreakerState, Category, Severity, Strategy


def _choices(kinds: type[Severity | Category | Strategy | BreakerState]) -> list[tuple[str, str]]:
    return [(kind.value, kind.value.replace("_", " ").lower()) for kind in kinds]


class ErrorGroup(models.Model):
    """One row: all errors of one fingerprint, which is a kind of error at one place in the code."""

    class Status(models.TextChoices):
        """What people decided about it; an error after `resolved` opens the group again."""

        OPEN = "open"
        RESOLVED = "resolved"
        IGNORED = "ignored"

    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    exception_type = models.CharField(max_length=200)
    message = models.CharField(max_length=500, help_text="without numbers and callsigns")
    severity = models.CharField(max_length=10, choices=_choices(Severity))
    category = models.CharField(max_length=15, choices=_choices(Category))
    service = models.CharField(max_length=50)
    operation = models.CharField(max_length=100)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    count = models.BigIntegerField(default=0)
    reopened = models.IntegerField(default=0, help_text="how often it came back when resolved")
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        indexes = [models.Index(fields=["-last_seen_at", "-id"], name="errorgroup_last_seen")]
        permissions = [("operate_errorgroup", "Can resolve and ignore errors")]

    def __str__(self) -> str:
        return f"{self.exception_type} in {self.operation}"

    def note_errors(self, count: int, first_at: datetime, last_at: datetime) -> bool:
        """Add errors of this kind; whether they opened the group again. The row is locked."""
        is_back = self.status == self.Status.RESOLVED and (
            self.decided_at is None or last_at > self.decided_at
        )
        if is_back:
            self.status = self.Status.OPEN
            self.reopened += 1
        self.count += count
        self.first_seen_at = min(self.first_seen_at, first_at)
        self.last_seen_at = max(self.last_seen_at, last_at)
        self.save(update_fields=["status", "reopened", "count", "first_seen_at", "last_seen_at"])
        return is_back

    def decide(self, status: str, by: User) -> bool:
        """Set what a person decided, and who; whether that changed anything."""
        others = type(self).objects.filter(pk=self.pk).exclude(status=status)
        changed = others.update(status=status, decided_at=timezone.now(), decided_by=by)
        self.refresh_from_db()
        return bool(changed)


class ErrorOccurrence(models.Model):
    """One row: one error with all that is known of it. A few of a kind and hour are kept."""

    group = models.ForeignKey(
        ErrorGroup, models.CASCADE, related_name="occurrences", db_index=False
    )
    at = models.DateTimeField(help_text="wall clock")
    service = models.CharField(max_length=50)
    operation = models.CharField(max_length=100)
    severity = models.CharField(max_length=10, choices=_choices(Severity))
    category = models.CharField(max_length=15, choices=_choices(Category))
    correlation_id = models.CharField(max_length=64, blank=True)
    process = models.CharField(max_length=100, help_text="name and number of the process")
    message = models.TextField()
    traceback = models.TextField(blank=True)
    context = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["group", "-at", "-id"], name="erroroccurrence_group"),
            models.Index(fields=["-at"], name="erroroccurrence_at"),  # retention, the newest
            models.Index(fields=["correlation_id"], name="erroroccurrence_correlation"),
        ]

    def __str__(self) -> str:
        return f"{self.message[:80]} ({self.at:%Y-%m-%d %H:%M:%S}Z)"


class ErrorCount(models.Model):
    """One row: how many errors a group had in an hour, and how many of them are kept whole."""

    group = models.ForeignKey(ErrorGroup, models.CASCADE, related_name="counts", db_index=False)
    hour = models.DateTimeField()
    count = models.BigIntegerField(default=0)
    samples = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "hour"], name="errorcount_unique"),
        ]
        indexes = [models.Index(fields=["hour"], name="errorcount_hour")]

    def __str__(self) -> str:
        return f"{self.count} of group {self.group_id} in {self.hour:%Y-%m-%d %H}h"


class RecoveryCount(models.Model):
    """One row: what a recovery strategy achieved for an operation in an hour.

    `recover_seconds` is the sum, over `successes`, of the time from the first failure until all
    was well.
    """

    hour = models.DateTimeField()
    strategy = models.CharField(max_length=20, choices=_choices(Strategy))
    service = models.CharField(max_length=50)
    operation = models.CharField(max_length=100)
    attempts = models.BigIntegerField(default=0)
    successes = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    recover_seconds = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "strategy", "service", "operation"], name="recoverycount_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} of {self.operation} in {self.hour:%Y-%m-%d %H}h"


class BreakerTransition(models.Model):
    """One row: one change of a circuit breaker's state."""

    name = models.CharField(max_length=100)
    at = models.DateTimeField(help_text="wall clock")
    from_state = models.CharField(max_length=10, choices=_choices(BreakerState))
    to_state = models.CharField(max_length=10, choices=_choices(BreakerState))
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["name", "-at"], name="breakertransition_name"),
            models.Index(fields=["-at"], name="breakertransition_at"),
        ]
        permissions = [("operate_breakertransition", "Can reset circuit breakers")]

    def __str__(self) -> str:
        return f"{self.name}: {self.from_state} to {self.to_state}"


class StoredRecord(models.Model):
    """One row: the id of a record about errors that is stored, so that it is not stored again.

    It is needed while the record can be offered again: when its commit remained unanswered, or
    until the file of the spool in which it stood is deleted.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    stored_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["stored_at"], name="storedrecord_stored_at")]  # retention

    def __str__(self) -> str:
        return str(self.id)
