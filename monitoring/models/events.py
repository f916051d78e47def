"""Events, who must still hear of them, and who outside wants to."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Event(models.Model):
    """One row: something that happened, written in the transaction of the fact itself.

    `occurred_at` is the time of the fact: the feed's clock where a feed brought it.
    """

    id = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=50)
    version = models.SmallIntegerField(default=1)
    service = models.CharField(max_length=50, help_text="the app that owns the fact")
    subject = models.CharField(max_length=100, blank=True, help_text="what it is about")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="wall clock")
    payload = models.JSONField()
    correlation_id = models.CharField(max_length=64, blank=True)
    causation_id = models.BigIntegerField(null=True, help_text="the event that led to this one")

    class Meta:
        indexes = [
            models.Index(fields=["type", "-id"], name="event_type"),
            models.Index(fields=["recorded_at"], name="event_recorded"),
            models.Index(
                fields=["correlation_id"], condition=~Q(correlation_id=""), name="event_correlation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}".strip()


class Replay(models.Model):
    """One row: a request to deliver events again."""

    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    idempotency_key = models.CharField(max_length=100, null=True, unique=True)
    selection = models.JSONField(help_text="which events, to which handler")
    deliveries = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"Replay {self.pk} of {self.deliveries} deliveries"


class Delivery(models.Model):
    """One row: one event on its way to one handler.

    It is claimed with `claimed_until`; whoever claims it counts an attempt before it begins, so
    that a handler which kills its process is counted, too.
    """

    class Status(models.TextChoices):
        """Where it stands; dead ones wait for a person."""

        PENDING = "pending"
        DONE = "done"
        DEAD = "dead"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries", db_index=False)
    handler = models.CharField(max_length=100)
    replay = models.ForeignKey(Replay, models.CASCADE, null=True, db_index=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    seconds = models.FloatField(null=True, help_text="that the handler took at last")
    finished_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["event", "handler", "replay"],
                nulls_distinct=False,
                name="delivery_unique",
            ),
        ]
        indexes = [
            models.Index(
                fields=["handler", "due_at"], condition=Q(status="pending"), name="delivery_due"
            ),
            models.Index(fields=["-id"], condition=Q(status="dead"), name="delivery_dead"),
            models.Index(
                fields=["finished_at"],
                condition=Q(finished_at__isnull=False),
                name="delivery_finished",
            ),
        ]
        permissions = [("operate_delivery", "Can replay, retry and discard deliveries")]

    def __str__(self) -> str:
        return f"event {self.event_id} to {self.handler}"


class WebhookSubscription(models.Model):
    """One row: an address outside that is told of events of some types."""

    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    secret = models.CharField(max_length=100, help_text="signs what is sent")
    types = ArrayField(
        models.CharField(max_length=50), blank=True, default=list, help_text="none: all types"
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("operate_webhooksubscription", "Can subscribe addresses to events")]

    def __str__(self) -> str:
        return self.name
