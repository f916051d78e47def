"""Deletes what is old of errors, recoveries, breakers and failed tasks, by the wall clock."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from monitoring import runtime
from monitoring.models import (
    BreakerTransition,
    ErrorCount,
    ErrorGroup,
    ErrorOccurrence,
    FailedTask,
    RecoveryCount,
    StoredRecord,
)

MOST_ROWS = 5000  # deleted in one statement, so that nobody waits long
IDS_KEPT = timedelta(days=7)  # far longer than a record can be on its way a second time


def prune() -> dict[str, int]:
    """Delete what need not be kept; how many rows of each kind.

    A group goes with its last error; what people decided about it goes along.
    """
    now = timezone.now()
    before = now - timedelta(days=runtime.current().retention_errors_days)
    return {
        "occurrences": _delete(ErrorOccurrence.objects.filter(at__lt=before)),
        "counts": _delete(ErrorCount.objects.filter(hour__lt=before)),
        "groups": _delete(ErrorGroup.objects.filter(last_seen_at__lt=before)),
        "recoveries": _delete(RecoveryCount.objects.filter(hour__lt=before)),
        "transitions": _delete(BreakerTransition.objects.filter(at__lt=before)),
        "failed_tasks": _delete(FailedTask.objects.filter(last_failed_at__lt=before)),
        "record_ids": _delete(StoredRecord.objects.filter(stored_at__lt=now - IDS_KEPT)),
    }


def _delete(rows: "QuerySet[Any]") -> int:
    """Delete in small pieces; cascades take what belongs to the rows."""
    deleted = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:MOST_ROWS]):
        # The condition once more: a group may just have come back.
        rows.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
