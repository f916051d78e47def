"""Errors and failed tasks as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring.errors.analytics import counts_of
from monitoring.models import ErrorGroup, ErrorOccurrence, FailedTask

HOURS = 168  # of which a group's counts are shown
OCCURRENCES = 50


class OccurrenceSerializer(serializers.ModelSerializer[ErrorOccurrence]):
    """One error that was kept whole."""

    class Meta:
        model = ErrorOccurrence
        fields = (
            *("id", "at", "service", "operation", "severity", "category"),
            *("correlation_id", "process", "message", "traceback", "context"),
        )
        read_only_fields = fields


class GroupSerializer(serializers.ModelSerializer[ErrorGroup]):
    """All errors of one kind; its message is without numbers and names."""

    decided_by = serializers.StringRelatedField[Any](read_only=True)

    class Meta:
        model = ErrorGroup
        fields: tuple[str, ...] = (
            *("id", "fingerprint", "exception_type", "message", "severity", "category"),
            *("service", "operation", "status", "first_seen_at", "last_seen_at", "count"),
            *("reopened", "decided_at", "decided_by"),
        )
        read_only_fields = fields


class HourSerializer(serializers.Serializer[Any]):
    """The errors of one hour."""

    hour = serializers.DateTimeField()
    count = serializers.IntegerField()


class GroupDetailSerializer(GroupSerializer):
    """A group, how many errors it had of late, and the newest that were kept whole."""

    counts = serializers.SerializerMethodField()
    occurrences = serializers.SerializerMethodField()

    class Meta(GroupSerializer.Meta):
        fields = (*GroupSerializer.Meta.fields, "counts", "occurrences")
        read_only_fields = fields

    @extend_schema_field(HourSerializer(many=True))
    def get_counts(self, group: ErrorGroup) -> list[dict[str, Any]]:
        """Each hour of the last week that had any."""
        return [{"hour": hour, "count": n} for hour, n in counts_of(group, HOURS).items()]

    @extend_schema_field(OccurrenceSerializer(many=True))
    def get_occurrences(self, group: ErrorGroup) -> list[dict[str, Any]]:
        """The newest."""
        newest = group.occurrences.order_by("-at", "-id")[:OCCURRENCES]
        return list(OccurrenceSerializer(newest, many=True).data)


class FailedTaskSerializer(serializers.ModelSerializer[FailedTask]):
    """A task that gave up. While a row waits, the same failure counts on it."""

    decided_by = serializers.StringRelatedField[Any](read_only=True)

    class Meta:
        model = FailedTask
        fields = (
            *("id", "task", "args", "kwargs", "queue", "task_id", "status", "error", "traceback"),
            *("attempts", "failures", "correlation_id", "first_failed_at", "last_failed_at"),
            *("decided_at", "decided_by", "retry_task_id"),
        )
        read_only_fields = fields
