"""What readers ask for of the history."""

import django_filters
from django.db.models import QuerySet

from monitoring.events.signals import EventSignal
from monitoring.models import Delivery, Event


def _types() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(EventSignal.types)]


class EventFilter(django_filters.FilterSet):  # type: ignore[misc] # django_filters has no types
    """Filters of events."""

    type = django_filters.ChoiceFilter(choices=_types)
    service = django_filters.CharFilter(max_length=50)
    subject = django_filters.CharFilter(max_length=100)
    correlation_id = django_filters.CharFilter(max_length=64)
    recorded_after = django_filters.IsoDateTimeFilter("recorded_at", "gte")
    recorded_before = django_filters.IsoDateTimeFilter("recorded_at", "lt")

    class Meta:
        model = Event
        fields = ()


class DeadLetterFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Filters of dead letters."""

    handler = django_filters.CharFilter(max_length=100)
    type = django_filters.ChoiceFilter(method="of_type", choices=_types)

    class Meta:
        model = Delivery
        fields = ()

    def of_type(
        self, deliveries: "QuerySet[Delivery]", _name: str, value: str
    ) -> "QuerySet[Delivery]":
        """Of events of one type."""
        return deliveries.filter(event__type=value)
