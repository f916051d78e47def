"""Events, their deliveries and replays as the API shows and takes them."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from monitoring.models import Delivery, Event, Replay

MOST_BIGINT = 2**63 - 1


class EventSerializer(serializers.ModelSerializer[Event]):
    """An event; its payload is of the form that docs/events.md says of its type."""

    class Meta:
        model = Event
        fields = (
            "id",
            "type",
            "version",
            "service",
            "subject",
            "occurred_at",
            "recorded_at",
            "payload",
            "correlation_id",
            "causation_id",
        )


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """A delivery with its event."""

    event = EventSerializer(read_only=True)
    decided_by = serializers.StringRelatedField[Any](read_only=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event",
            "handler",
            "replay_id",
            "status",
            "attempts",
            "error",
            "due_at",
            "finished_at",
            "decided_at",
            "decided_by",
        )
        read_only_fields = fields


class ReplaySerializer(serializers.ModelSerializer[Replay]):
    """A replay: who asked for what, and how many deliveries it made."""

    by = serializers.StringRelatedField[Any](read_only=True)

    class Meta:
        model = Replay
        fields = ("id", "at", "by", "selection", "deliveries")
        read_only_fields = fields


class StrictSerializer(serializers.Serializer[Any]):
    """A body without unknown names."""

    def to_internal_value(self, data: Any) -> Any:
        """The values; raises `ValidationError` for names that mean nothing."""
        if isinstance(data, Mapping) and (unknown := set(map(str, data)) - set(self.fields)):
            raise ValidationError({ascii(name[:50])[1:-1]: ["Unknown."] for name in unknown})
        return super().to_internal_value(data)


class PublishSerializer(StrictSerializer):
    """An event to publish."""

    type = serializers.CharField(max_length=50)
    payload = serializers.DictField()
    subject = serializers.CharField(max_length=100, default="", allow_blank=True)
    occurred_at = serializers.DateTimeField(default=timezone.now)
    correlation_id = serializers.RegexField(
        r"^[A-Za-z0-9._-]{8,64}$", required=False, help_text="By default that of the request"
    )
    causation_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_BIGINT
    )


class ReplayOneSerializer(StrictSerializer):
    """To which handler; to all of the event's without it."""

    handler = serializers.CharField(max_length=100, required=False)


class ReplayManySerializer(ReplayOneSerializer):
    """Which events: by all that is given. `from` and `to` are times of recording."""

    type = serializers.CharField(max_length=50, required=False)
    to = serializers.DateTimeField(required=False, help_text="Not included")
    first_id = serializers.IntegerField(required=False, min_value=1, max_value=MOST_BIGINT)
    last_id = serializers.IntegerField(required=False, min_value=1, max_value=MOST_BIGINT)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `from`, which is a word of Python's."""
        fields = super().get_fields()
        return fields | {"from": serializers.DateTimeField(required=False)}
