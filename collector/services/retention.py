"""Deletes what is older than its retention, by the newest committed feed's time."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models

from collector.models import (
    ControllerSession,
    FailedPoll,
    Flight,
    Poll,
    Prefile,
    RejectedRecord,
    Tuning,
)
from collector.positions import drop_before
from monitoring import runtime

MOST_ROWS = 5000  # deleted in one statement, so that nobody waits long


def prune() -> dict[str, int]:
    """Delete what every table need not keep; how many rows, or partitions, of each."""
    newest = Poll.objects.accepted().first()
    if newest is None:
        return {}
    keep = runtime.current()

    def before(days: int) -> datetime:
        return newest.feed_at - timedelta(days=days)

    positions = before(keep.retention_positions_days)
    flights = before(keep.retention_flights_days)
    return {
        "positions": drop_before(positions),
        "flights": _delete(Flight.objects.filter(ended_at__lt=flights)),
        "sessions": _delete(
            ControllerSession.objects.filter(ended_at__lt=before(keep.retention_sessions_days))
        ),
        "prefiles": _delete(
            Prefile.objects.filter(last_seen_at__lt=before(keep.retention_prefiles_days))
        ),
        "tunings": _delete(Tuning.objects.filter(until_at__lt=before(keep.retention_tunings_days))),
        "rejected_records": _delete(
            RejectedRecord.objects.filter(
                poll__feed_at__lt=before(keep.retention_rejected_records_days)
            )
        ),
        "polls": _delete(Poll.objects.filter(feed_at__lt=before(keep.retention_polls_days))),
        "failed_polls": _delete(
            FailedPoll.objects.filter(at__lt=before(keep.retention_rejected_records_days))
        ),
    }


def _delete(rows: "models.QuerySet[Any]") -> int:
    """Delete in small pieces; cascades take what belongs to the rows."""
    deleted = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:MOST_ROWS]):
        rows.model._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
