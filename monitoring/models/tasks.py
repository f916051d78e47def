"""Tasks that gave up."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class FailedTask(models.Model):
    """One row: a task, with the arguments it had, that used up its retries or its deliveries.

    While a row waits for a person's decision, further failures of the same task with the same
    arguments only count here: a task that fails at every tick leaves one row.
    """

    class Status(models.TextChoices):
        """What became of it."""

        FAILED = "failed"
        RETRIED = "retried"
        DISCARDED = "discarded"

    task = models.CharField(max_length=200)
    args = models.JSONField(default=list)
    kwargs = models.JSONField(default=dict)
    signature = models.CharField(
        max_length=64, editable=False, help_text="digest of task, args and kwargs"
    )
    queue = models.CharField(max_length=50, blank=True)
    task_id = models.CharField(max_length=64, help_text="of its last failure")
    status = models.CharField(max_length=10, choices=Status, default=Status.FAILED)
    error = models.TextField()
    traceback = models.TextField(blank=True)
    attempts = models.IntegerField(help_text="starts of the last failure")
    failures = models.IntegerField(default=1)
    correlation_id = models.CharField(max_length=64, blank=True)
    first_failed_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    retry_task_id = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["signature"], condition=Q(status="failed"), name="failedtask_waiting_once"
            ),
        ]
        indexes = [models.Index(fields=["-last_failed_at", "-id"], name="failedtask_newest")]
        permissions = [("operate_failedtask", "Can retry and discard failed tasks")]

    def __str__(self) -> str:
        return f"{self.task} ({self.failures} failures)"
