"""Writes records about errors to PostgreSQL: each once, a batch in one transaction.

Groups, hours and recoveries are locked in the order of their keys, so that two writers never wait
for each other.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import F
from psycopg_pool import PoolTimeout

from monitoring.errors.kinds import Strategy
from monitoring.errors.records import (
    AnyRecord,
    CountRecord,
    ErrorRecord,
    FailedTaskRecord,
    Kind,
    RecoveryRecord,
    TransitionRecord,
)
from monitoring.errors.signals import occurrence_stored
from monitoring.errors.tallying import SAMPLES
from monitoring.errors.writer import Away

logger = logging.getLogger(__name__)
R = TypeVar("R")

# What a record causes that no later attempt would store.
UNSTORABLE = (DataError, IntegrityError, TypeError, ValueError)


def store(records: Sequence[AnyRecord]) -> None:
    """Store records that are not stored yet. Raises `Away` where PostgreSQL does not take them.

    One that it will never take is left out, and the log says so.
    """
    try:
        _store_all(records)
    except UNSTORABLE:
        for record in records:
            _store_alone(record)


def close() -> None:
    """Give the thread's connection back until it is needed again."""
    connection.close()


def _store_alone(record: AnyRecord) -> None:
    try:
        _store_all([record])
    except UNSTORABLE:
        logger.exception("A record about an error can't be stored: %s", type(record).__name__)


def _store_all(records: Sequence[AnyRecord]) -> None:
    try:
        with transaction.atomic():
            _store_new(_unknown(records))
    except UNSTORABLE:
        raise
    except (Error, PoolTimeout) as error:
        connection.close()
        raise Away(str(error).strip()) from error


def _unknown(records: Sequence[AnyRecord]) -> list[AnyRecord]:
    """The records whose ids were not stored before; now they are."""
    from monitoring.models import StoredRecord

    ids = sorted(record.id for record in records)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {StoredRecord._meta.db_table} (id) SELECT unnest(%s::uuid[])"
            " ON CONFLICT DO NOTHING RETURNING id",
            [ids],
        )
        new = {row[0].hex for row in cursor.fetchall()}
    unknown = {record.id: record for record in records if record.id in new}
    return list(unknown.values())


def _store_new(records: Sequence[AnyRecord]) -> None:
    from monitoring.errors import failed_tasks

    _store_errors(_of(ErrorRecord, records), _of(CountRecord, records))
    _store_recoveries(_of(RecoveryRecord, records))
    _store_transitions(_of(TransitionRecord, records))
    for record in sorted(_of(FailedTaskRecord, records), key=lambda each: each.signature):
        failed_tasks.record_failure(record)


def _of(kind: type[R], records: Iterable[Any]) -> list[R]:
    return [record for record in records if isinstance(record, kind)]


@dataclass
class _Hour:
    """What happened to one kind of error in an hour."""

    kind: Kind
    count: int = 0
    times: list[datetime] = field(default_factory=list)  # of which the first and the last count
    samples: list[ErrorRecord] = field(default_factory=list)


def _store_errors(errors: Iterable[ErrorRecord], counts: Iterable[CountRecord]) -> None:
    hours: dict[tuple[str, datetime], _Hour] = {}

    def hour_of(kind: Kind, at: datetime) -> _Hour:
        return hours.setdefault((kind.fingerprint, hour_at(at)), _Hour(kind))

    for counted in counts:
        hour = hour_of(counted.kind, counted.last_at)
        hour.count += counted.count
        hour.times += (counted.first_at, counted.last_at)
    for error in errors:
        hour = hour_of(error.kind, error.at)
        hour.count += 1
        hour.times.append(error.at)
        hour.samples.append(error)
    for (_, at), hour in sorted(hours.items()):
        _store_hour(at, hour)


def _store_hour(at: datetime, hour: _Hour) -> None:
    from monitoring.models import ErrorCount, ErrorGroup

    kind, first_at, last_at = hour.kind, min(hour.times), max(hour.times)
    group, is_new = ErrorGroup.objects.select_for_update().get_or_create(
        fingerprint=kind.fingerprint,
        defaults={
            "exception_type": kind.exception_type,
            "message": kind.message,
            "severity": kind.severity,
            "category": kind.category,
            "service": kind.service,
            "operation": kind.operation,
            "first_seen_at": first_at,
            "last_seen_at": last_at,
        },
    )
    is_back = group.note_errors(hour.count, first_at, last_at)
    count, _ = ErrorCount.objects.select_for_update().get_or_create(group=group, hour=at)
    samples = hour.samples[: max(0, SAMPLES - count.samples)]
    ErrorCount.objects.filter(pk=count.pk).update(
        count=F("count") + hour.count, samples=F("samples") + len(samples)
    )
    for number, sample in enumerate(samples):
        _store_sample(group, sample, is_new=is_new and not number, is_back=is_back and not number)


def _store_sample(group: Any, sample: ErrorRecord, *, is_new: bool, is_back: bool) -> None:
    from monitoring.models import ErrorOccurrence

    occurrence = ErrorOccurrence.objects.create(
        group=group,
        at=sample.at,
        service=sample.kind.service,
        operation=sample.kind.operation,
        severity=sample.kind.severity,
        category=sample.kind.category,
        correlation_id=sample.correlation_id,
        process=sample.process,
        message=sample.message,
        traceback=sample.traceback,
        context=sample.context,
    )
    facts = {"occurrence": occurrence, "group": group, "is_new": is_new, "is_back": is_back}
    try:
        with transaction.atomic():
            occurrence_stored.send(sender=ErrorOccurrence, **facts)
    except (OperationalError, InterfaceError):  # PostgreSQL is away
        raise
    except Exception:
        logger.exception("Whoever hears of a stored error failed")


def hour_at(at: datetime) -> datetime:
    """The beginning of the hour of a time."""
    return at.replace(minute=0, second=0, microsecond=0)


def _store_recoveries(records: Iterable[RecoveryRecord]) -> None:
    totals: dict[tuple[datetime, Strategy, str, str], list[RecoveryRecord]] = defaultdict(list)
    for each in records:
        totals[each.hour, each.strategy, each.service, each.operation].append(each)
    for (hour, strategy, service, operation), parts in sorted(totals.items()):
        _add_recoveries(hour, strategy, service, operation, parts)


def _add_recoveries(
    hour: datetime, strategy: str, service: str, operation: str, parts: Sequence[RecoveryRecord]
) -> None:
    from monitoring.models import RecoveryCount

    successes = sum(part.successes for part in parts)
    failures = sum(part.failures for part in parts)
    row, _ = RecoveryCount.objects.get_or_create(
        hour=hour, strategy=strategy, service=service[:50], operation=operation[:100]
    )
    RecoveryCount.objects.filter(pk=row.pk).update(
        attempts=F("attempts") + successes + failures,
        successes=F("successes") + successes,
        failures=F("failures") + failures,
        recover_seconds=F("recover_seconds") + sum(part.seconds for part in parts),
    )


def _store_transitions(records: Iterable[TransitionRecord]) -> None:
    from monitoring.models import BreakerTransition

    for each in records:  # one by one, since receivers hear of each
        BreakerTransition.objects.create(
            name=each.name[:100],
            at=each.at,
            from_state=each.from_state,
            to_state=each.to_state,
            reason=each.reason[:200],
        )
