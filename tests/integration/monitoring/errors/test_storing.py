"""Records about errors become rows, each once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from monitoring.errors import reporting
from monitoring.errors.kinds import BreakerState, Strategy
from monitoring.errors.records import AnyRecord, RecoveryRecord, TransitionRecord
from monitoring.errors.signals import occurrence_stored
from monitoring.errors.spool import Spool
from monitoring.errors.storing import close, store
from monitoring.errors.tallying import SAMPLES
from monitoring.errors.writer import Away, Writer
from monitoring.models import (
    BreakerTransition,
    ErrorCount,
    ErrorGroup,
    ErrorOccurrence,
    Event,
    FailedTask,
    RecoveryCount,
)
from tests.integration.monitoring.errors.records import AT, count, error, failed_task, kind

pytestmark = pytest.mark.django_db


def test_errors_of_a_kind_are_one_group_with_its_counts_and_samples() -> None:
    store([error(), count(41), error(at=AT + timedelta(minutes=1))])
    group = ErrorGroup.objects.get()
    assert (group.count, group.status, group.exception_type) == (43, "open", "ValueError")
    assert (group.first_seen_at, group.last_seen_at) == (AT, AT + timedelta(minutes=1))
    hour = ErrorCount.objects.get()
    assert (hour.hour, hour.count, hour.samples) == (AT.replace(minute=0), 43, 2)
    sample = ErrorOccurrence.objects.order_by("at").first()
    assert (sample.message, sample.correlation_id, sample.context) == (
        "no answer", "correlation-1", {"n": 1},
    )  # fmt: skip


def test_at_most_twenty_are_kept_whole_in_an_hour_and_all_are_counted() -> None:
    for _ in range(3):
        store([error() for _ in range(15)])
    store([error(at=AT + timedelta(hours=1))])
    assert ErrorOccurrence.objects.filter(at__lt=AT + timedelta(hours=1)).count() == SAMPLES
    assert ErrorOccurrence.objects.count() == SAMPLES + 1
    assert ErrorGroup.objects.get().count == 46
    assert sorted(ErrorCount.objects.values_list("count", "samples")) == [(1, 1), (45, SAMPLES)]


def test_a_record_counts_once_however_often_it_is_offered() -> None:
    records = [
        error(),
        count(5),
        RecoveryRecord(
            hour=AT.replace(minute=0), strategy=Strategy.RETRY, service="collector",
            operation="flush", successes=2, failures=1, seconds=4.0,
        ),
        TransitionRecord(
            name="feed", at=AT, from_state=BreakerState.CLOSED, to_state=BreakerState.OPEN
        ),
        failed_task(),
    ]  # fmt: skip
    store(records)
    store([*records, count(1)])
    store(records[::-1])
    assert ErrorGroup.objects.get().count == 7
    assert ErrorOccurrence.objects.count() == 1
    recovery = RecoveryCount.objects.get()
    assert (recovery.attempts, recovery.successes, recovery.failures) == (3, 2, 1)
    assert recovery.recover_seconds == 4.0
    assert BreakerTransition.objects.count() == 1
    assert FailedTask.objects.get().failures == 1


def test_an_error_after_its_group_was_resolved_opens_it_again(make_user) -> None:
    store([error()])
    group = ErrorGroup.objects.get()
    assert group.decide("resolved", make_user("somebody"))
    store([error(at=AT)])  # of before, only stored later
    group.refresh_from_db()
    assert group.status == "resolved"
    store([count(1, at=timezone.now() + timedelta(seconds=1))])
    group.refresh_from_db()
    assert (group.status, group.reopened) == ("open", 1)


def test_an_error_of_an_ignored_group_leaves_it_ignored(make_user) -> None:
    store([error()])
    ErrorGroup.objects.get().decide("ignored", make_user("somebody"))
    store([error(at=timezone.now() + timedelta(seconds=1))])
    assert ErrorGroup.objects.get().status == "ignored"
    assert ErrorGroup.objects.get().count == 2


def test_what_postgres_refuses_costs_only_itself(caplog) -> None:
    bad = error(message="a NUL\0 that nobody took out")
    store([error(), bad, count(2)])
    assert ErrorGroup.objects.get().count == 3
    assert "can't be stored" in caplog.text


def test_an_occurrence_publishes_its_event_and_a_receiver_that_fails_undoes_only_its_own() -> None:
    def fail(**_: object) -> None:
        ErrorGroup.objects.update(message="of the receiver")
        raise RuntimeError

    occurrence_stored.connect(fail, weak=False)
    try:
        store([error()])
    finally:
        occurrence_stored.disconnect(fail)
    assert ErrorOccurrence.objects.count() == 1
    assert ErrorGroup.objects.get().message == "no answer"


def test_the_event_of_an_error_stands_with_it() -> None:
    store([error()])
    event = Event.objects.get(type="ERROR_OCCURRED")
    assert event.payload["group_id"] == ErrorGroup.objects.get().pk
    assert event.payload["is_new"]
    assert event.correlation_id == "correlation-1"


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_wait_for_nobody_and_keep_the_bound() -> None:
    kinds = [kind(f"message {letter}") for letter in "abcdef"]

    def write(number: int) -> None:
        mine = kinds[number % 6 :] + kinds[: number % 6]
        store([each for of in mine for each in (error(of), error(of), count(3, of))])
        close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    assert set(ErrorGroup.objects.values_list("count", flat=True)) == {200}
    assert set(ErrorCount.objects.values_list("samples", flat=True)) == {SAMPLES}
    assert ErrorOccurrence.objects.count() == 6 * SAMPLES


@pytest.mark.django_db(transaction=True)
def test_what_is_reported_stays_when_the_work_that_failed_is_rolled_back() -> None:
    @reporting.guarded("work", service="tests")
    @transaction.atomic
    def work() -> None:
        FailedTask.objects.create(
            task="t", signature="s", attempts=1, first_failed_at=AT, last_failed_at=AT
        )
        raise KeyError("x")

    with pytest.raises(KeyError):
        work()
    assert reporting.flush(10)
    assert not FailedTask.objects.exists()
    assert ErrorGroup.objects.get().operation == "work"


def test_postgres_away_sends_records_to_the_spool_and_they_come_back_once(
    transactional_db, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "errors")
    is_away = [True]

    def store_if_there(records: Sequence[AnyRecord]) -> None:
        if is_away[0]:
            connection.settings_dict = connection.settings_dict | {"HOST": "/nowhere"}
            close()
        store(records)

    writer = Writer(store_if_there, spool, close)  # in its thread, on its own connection
    records = [error(), count(7)]
    for record in records:
        writer.put(record)
    assert writer.flush(20)
    assert not ErrorGroup.objects.exists()
    assert "ValueError" in (spool.folder / "current.jsonl").read_text()
    is_away[0] = False
    assert spool.drain(store) == 2
    store(records)
    assert ErrorGroup.objects.get().count == 8


def test_a_process_that_is_not_migrated_yet_spools() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE monitoring_storedrecord RENAME TO elsewhere")
        with pytest.raises(Away):
            store([error()])
        transaction.set_rollback(True)
