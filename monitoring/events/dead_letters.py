"""Deliveries that were given up: they wait, up to a number of them, for a person."""

import logging
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from monitoring.errors.kinds import Strategy
from monitoring.models import Delivery, RecoveryCount

logger = logging.getLogger(__name__)

Status = Delivery.Status
NEARLY_FULL = 0.8  # of the most there may be
MOST_DELETED = 5000  # in one statement, so that nobody waits long
OPERATION = "dead letters"  # under which deleted ones are counted, as skipped


@dataclass(frozen=True, slots=True)
class Fill:
    """How many dead letters there are, of how many there may be."""

    size: int
    max_size: int

    @property
    def is_nearly_full(self) -> bool:
        """Whether it is time to tell somebody."""
        return self.size >= NEARLY_FULL * self.max_size


def fill() -> Fill:
    """Count the dead letters, no further than just above the most there may be."""
    most = settings.EVENT_BUS_MAX_DEAD_LETTER_SIZE
    return Fill(dead_letters()[: most + 1].count(), most)


def dead_letters() -> "QuerySet[Delivery]":
    """Those that wait, the newest first."""
    return Delivery.objects.filter(status=Status.DEAD).order_by("-id")


def retry(delivery: Delivery, by: User) -> bool:
    """Have a dead letter delivered again, from its first attempt; False if it isn't dead."""
    return retry_all(Delivery.objects.filter(pk=delivery.pk), by) == 1


def discard(delivery: Delivery, by: User) -> bool:
    """Have a dead letter never delivered; False if it isn't dead."""
    return discard_all(Delivery.objects.filter(pk=delivery.pk), by) == 1


def retry_all(deliveries: "QuerySet[Delivery]", by: User) -> int:
    """`retry` for many at once; how many of them were dead."""
    now = timezone.now()
    changes = {"status": Status.PENDING, "attempts": 0, "due_at": now, "finished_at": None}
    return _decide(deliveries, by, changes)


def discard_all(deliveries: "QuerySet[Delivery]", by: User) -> int:
    """`discard` for many at once; how many of them were dead."""
    return _decide(deliveries, by, {"status": Status.DISCARDED})


def _decide(deliveries: "QuerySet[Delivery]", by: User, changes: dict[str, Any]) -> int:
    # Of two people who decide at once, the second one finds none that is dead.
    return deliveries.filter(status=Status.DEAD).update(
        decided_at=timezone.now(), decided_by=by, **changes
    )


def keep_within_cap() -> int:
    """Delete the oldest dead letters above the most there may be; how many."""
    most = settings.EVENT_BUS_MAX_DEAD_LETTER_SIZE
    newest_surplus = dead_letters().values_list("id", flat=True)[most : most + 1].first()
    if newest_surplus is None:
        return 0
    deleted = 0
    while some := _delete_some(newest_surplus):
        deleted += some
    logger.warning("%s dead letters were deleted, since there may be %s", deleted, most)
    return deleted


def _delete_some(newest_surplus: int) -> int:
    """Delete a batch, and count it in the same transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, [newest_surplus, MOST_DELETED])
            deleted = cursor.rowcount
        if deleted:
            _count(deleted)
    return deleted


def _count(deleted: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [Strategy.SKIP, OPERATION, deleted, deleted])


_DELETE = f"""
    DELETE FROM {Delivery._meta.db_table} WHERE id IN (
        SELECT id FROM {Delivery._meta.db_table}
        WHERE status = 'dead' AND id <= %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )"""  # noqa: S608
_COUNT = f"""
    INSERT INTO {RecoveryCount._meta.db_table} AS stored
        (hour, strategy, service, operation, attempts, successes, failures, recover_seconds)
    VALUES (date_trunc('hour', now(), 'UTC'), %s, 'events', %s, %s, %s, 0, 0)
    ON CONFLICT (hour, strategy, service, operation) DO UPDATE
    SET attempts = stored.attempts + excluded.attempts,
        successes = stored.successes + excluded.successes"""  # noqa: S608
