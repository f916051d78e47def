"""Beat follows the schedule in PostgreSQL, and stands still for nobody."""

import socket
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from monitoring import beat
from vatsim_site import celery_app

pytestmark = pytest.mark.django_db(transaction=True)

POLL = "collector.tasks.poll"


@pytest.fixture
def scheduler():
    every = IntervalSchedule.objects.create(every=15, period="seconds")
    PeriodicTask.objects.update_or_create(name=POLL, defaults={"task": POLL, "interval": every})
    scheduler = beat.Scheduler(app=celery_app)
    yield scheduler
    scheduler._finalize.cancel()  # at this process's end PostgreSQL is gone


@pytest.fixture
def silent_postgres(postgres_away):
    """From here to the test's end PostgreSQL takes everything and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:  # which accepts nobody
        connection.settings_dict["PORT"] = str(server.getsockname()[1])
        yield


def test_a_change_of_the_schedule_is_followed(scheduler):
    assert POLL in scheduler.schedule
    PeriodicTask.objects.filter(name=POLL).update(enabled=False)
    PeriodicTasks.update_changed()
    assert POLL not in scheduler.schedule


def test_what_was_sent_is_noted(scheduler):
    before = timezone.now()
    scheduler.reserve(scheduler.schedule[POLL])
    scheduler.sync()
    assert PeriodicTask.objects.get(name=POLL).last_run_at >= before


def test_without_postgres_the_last_known_schedule_serves(scheduler, request):
    known = set(scheduler.schedule)
    request.getfixturevalue("postgres_away")
    scheduler._last_full_sync -= timedelta(minutes=6)  # it is to be read anew
    assert set(scheduler.schedule) == known != set()


def test_a_silent_postgres_costs_a_moment_and_only_once(scheduler, request):
    request.getfixturevalue("silent_postgres")
    started = time.monotonic()
    for _ in range(20):
        scheduler.reserve(scheduler.schedule[POLL])
        scheduler.sync()
    assert time.monotonic() - started < 2 * beat.PATIENCE_SECONDS


def test_it_asks_again_after_a_rest(scheduler, monkeypatch):
    monkeypatch.setattr(beat, "REST_SECONDS", 0.2)
    kept = dict(connection.settings_dict)
    connection.settings_dict["PORT"] = "1"
    connection.settings_dict["HOST"] = "127.0.0.1"
    assert not scheduler.schedule_changed()
    connection.settings_dict |= kept
    PeriodicTasks.update_changed()
    assert not scheduler.schedule_changed()
    time.sleep(0.3)
    assert scheduler.schedule_changed()


def test_its_start_needs_postgres(postgres_away):
    with pytest.raises(OperationalError):
        beat.Scheduler(app=celery_app)
