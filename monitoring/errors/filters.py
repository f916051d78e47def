"""What readers ask for of errors and failed tasks."""

import django_filters
from django.db.models import Q, QuerySet

from monitoring.models import ErrorGroup, FailedTask


class ErrorFilter(django_filters.FilterSet):  # type: ignore[misc] # django_filters has no types
    """Filters of error groups."""

    status = django_filters.ChoiceFilter(choices=ErrorGroup.Status.choices)
    severity = django_filters.ChoiceFilter(choices=ErrorGroup.severity.field.choices)
    category = django_filters.ChoiceFilter(choices=ErrorGroup.category.field.choices)
    service = django_filters.CharFilter(max_length=50)
    operation = django_filters.CharFilter(max_length=100)
    correlation_id = django_filters.CharFilter(
        method="of_request", max_length=64, help_text="Of an error that is kept whole"
    )
    seen_after = django_filters.IsoDateTimeFilter("last_seen_at", "gte")
    search = django_filters.CharFilter(
        method="holding", max_length=100, help_text="In the exception's type or the message"
    )

    class Meta:
        model = ErrorGroup
        fields = ()

    def of_request(
        self, groups: "QuerySet[ErrorGroup]", _name: str, value: str
    ) -> "QuerySet[ErrorGroup]":
        """Of one request or task."""
        return groups.filter(occurrences__correlation_id=value).distinct()

    def holding(
        self, groups: "QuerySet[ErrorGroup]", _name: str, value: str
    ) -> "QuerySet[ErrorGroup]":
        """With a text."""
        return groups.filter(Q(exception_type__icontains=value) | Q(message__icontains=value))


class FailedTaskFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Filters of failed tasks."""

    status = django_filters.ChoiceFilter(choices=FailedTask.Status.choices)
    task = django_filters.CharFilter(max_length=200)
    queue = django_filters.CharFilter(max_length=50)
    correlation_id = django_filters.CharFilter(max_length=64)

    class Meta:
        model = FailedTask
        fields = ()
