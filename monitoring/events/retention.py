"""Deletes events that are old, or too many: those that every handler has done with."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from monitoring import runtime
from monitoring.events import dead_letters
from monitoring.models import Delivery, Event

Status = Delivery.Status
EXPIRED = "It could not be delivered for as long as events are kept."
MOST_ROWS = 5000  # events deleted in one statement, so that nobody waits long


def prune() -> dict[str, int]:
    """Delete what need not be kept; how many rows of each kind."""
    return {
        "given_up": _give_up_old(before := _before()),
        "dead_letters": dead_letters.keep_within_cap(),
        "old_events": _delete_old(before),
        "surplus_events": _delete_surplus(),
    }


def _before() -> datetime:
    return timezone.now() - timedelta(days=runtime.current().retention_events_days)


def _give_up_old(before: datetime) -> int:
    """Make dead letters of deliveries that waited so long: their handler is gone, or its target."""
    waiting = Delivery.objects.filter(status=Status.PENDING, event__recorded_at__lt=before)
    return waiting.update(status=Status.DEAD, error=EXPIRED, finished_at=timezone.now())


def _delete_old(before: datetime) -> int:
    # Those of one transaction have one time.
    old = Event.objects.filter(recorded_at__lt=before)
    newest = old.order_by("-recorded_at", "-id").first()
    return _delete_up_to(newest.pk, {"before": before}) if newest else 0


def _delete_surplus() -> int:
    most = settings.EVENT_BUS_MAX_HISTORY_SIZE
    newest = Event.objects.order_by("-id").values_list("id", flat=True)[most : most + 1].first()
    return _delete_up_to(newest, {"before": None}) if newest else 0


def _delete_up_to(last_id: int, limit: Mapping[str, Any]) -> int:
    """Go through the events in the order of their ids, past those that are not finished."""
    deleted, first_id = 0, 0
    while first_id <= last_id:
        values = {"first_id": first_id, "last_id": last_id, "most": MOST_ROWS, **limit}
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, values)
            some, seen = cursor.fetchone()
        if seen is None:
            break
        deleted += some
        first_id = seen + 1
    return deleted


# Ids and times rise together but for transactions that overlapped, so both are asked for.
_DELETE = f"""
    WITH seen AS (
        SELECT id, recorded_at FROM {Event._meta.db_table}
        WHERE id BETWEEN %(first_id)s AND %(last_id)s ORDER BY id LIMIT %(most)s
    ), finished AS (
        SELECT id FROM {Event._meta.db_table} AS event
        WHERE id IN (SELECT id FROM seen)
          AND (%(before)s::timestamptz IS NULL OR recorded_at < %(before)s)
          AND NOT EXISTS (
              SELECT FROM {Delivery._meta.db_table}
              WHERE event_id = event.id AND status IN ('pending', 'dead')
          )
        FOR UPDATE SKIP LOCKED
    ), deliveries AS (
        DELETE FROM {Delivery._meta.db_table} WHERE event_id IN (SELECT id FROM finished)
    ), events AS (
        DELETE FROM {Event._meta.db_table} WHERE id IN (SELECT id FROM finished) RETURNING id
    )
    SELECT (SELECT count(*) FROM events), (SELECT max(id) FROM seen)"""  # noqa: S608
