"""What monitoring itself publishes."""

import os
from datetime import timedelta

import pytest
from celery.signals import beat_init, worker_ready, worker_shutdown
from django.utils import timezone

from monitoring import correlation, lifecycle, receivers, tasks
from monitoring.errors import breakers, reporting
from monitoring.errors.breakers import Breaker
from monitoring.errors.kinds import BreakerState
from monitoring.events import analysis
from monitoring.events.delivery import deliver
from monitoring.health import conditions
from monitoring.models import BreakerTransition, Event
from monitoring.signals import ERROR_OCCURRED

pytestmark = pytest.mark.django_db(transaction=True)


def published(type_name: str) -> list[Event]:
    return list(Event.objects.filter(type=type_name).order_by("id"))


class Celery:
    hostname = "events@localhost"


def test_workers_and_beat_say_that_they_begin_and_end(monkeypatch):
    registered = []
    monkeypatch.setattr(lifecycle, "Finalize", lambda *call, **_: registered.append(call))
    worker_ready.send(sender=Celery)
    worker_shutdown.send(sender=Celery)
    beat_init.send(sender=Celery)
    assert [event.subject for event in published("SERVICE_STARTED")] == [Celery.hostname, "beat"]
    assert [event.subject for event in published("SERVICE_STOPPED")] == [Celery.hostname]
    payload = published("SERVICE_STARTED")[0].payload
    assert (payload["name"], payload["pid"]) == (Celery.hostname, os.getpid())
    ((_, end, arguments),) = registered
    end(*arguments)
    assert published("SERVICE_STOPPED")[-1].subject == "beat"


def test_nobody_fails_to_start_because_postgresql_is_away(postgres_away, caplog):
    lifecycle.announce_start("web")
    assert "SERVICE_STARTED of web can't be published" in caplog.text


def test_the_systems_health_is_published(monkeypatch):
    monkeypatch.setattr(conditions, "_measures", [lambda: {"feed": "degraded"}])
    tasks.check_health()
    (event,) = published("HEALTH_CHECK")
    assert event.payload["conditions"] == {
        "database": "healthy",
        "migrations": "healthy",
        "cache": "healthy",
        "feed": "degraded",
    }
    assert event.payload["is_healthy"] is False


def test_what_does_not_answer_is_unhealthy(monkeypatch, redis_away):
    monkeypatch.setattr(conditions, "_measures", [])
    lifecycle.check_health()
    (event,) = published("HEALTH_CHECK")
    assert event.payload["conditions"]["cache"] == "unhealthy"
    assert event.payload["is_healthy"] is False


def test_a_measure_is_registered_once(monkeypatch):
    monkeypatch.setattr(conditions, "_measures", [])

    def measure() -> dict[str, str]:
        return {"feed": "healthy"}

    assert conditions.register(measure) is conditions.register(measure) is measure
    assert conditions._measures == [measure]


def test_an_error_that_is_kept_is_published():
    with correlation.use("a-correlation"):
        reporting.report(ValueError("broken"), service="tests", operation="breaking")
    assert reporting.flush()
    (event,) = published("ERROR_OCCURRED")
    assert (event.subject, event.correlation_id) == ("breaking", "a-correlation")
    assert event.payload["exception_type"].endswith("ValueError")
    assert event.payload["is_new"] is True


def fail(_) -> None:
    raise RuntimeError("of a handler of errors")


def test_a_handler_of_errors_that_fails_does_not_feed_itself(monkeypatch, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 0.0
    monkeypatch.setattr(ERROR_OCCURRED, "handlers", {})
    ERROR_OCCURRED.connect(fail, name="fails")
    reporting.report(ValueError("broken"), service="tests", operation="breaking")
    assert reporting.flush()
    assert deliver("fails").failed == 5
    assert reporting.flush()
    assert len(published("ERROR_OCCURRED")) == 1


def test_a_breaker_that_changes_is_published(make_user):
    breaker = Breaker("tests", failures=1)
    with breaker.guard() as call:
        call.fail("no answer")
    assert reporting.flush()
    breakers.reset("tests", make_user("olga"))
    changes = [event.payload for event in published("CIRCUIT_BREAKER_CHANGED")]
    assert [(each["from_state"], each["to_state"]) for each in changes] == [
        ("CLOSED", "OPEN"),
        ("OPEN", "CLOSED"),
    ]
    assert {each["name"] for each in changes} == {"tests"}
    transition = BreakerTransition.objects.first()
    receivers.publish_breaker_change(instance=transition, created=False)
    assert len(published("CIRCUIT_BREAKER_CHANGED")) == 2


def test_probes_of_a_handler_are_not_published_lest_they_bring_the_next_one():
    half, opened, closed = BreakerState.HALF_OPEN, BreakerState.OPEN, BreakerState.CLOSED
    steps = [(closed, opened), (opened, half), (half, opened), (opened, half), (half, closed)]
    for name in ("handler:webhook:1", "feed"):
        for before, after in steps:
            BreakerTransition.objects.create(
                name=name, at=timezone.now(), from_state=before, to_state=after
            )
    changes = published("CIRCUIT_BREAKER_CHANGED")
    told = [(each.subject, each.payload["to_state"]) for each in changes]
    assert [state for name, state in told if name == "feed"] == [after for _, after in steps]
    assert [state for name, state in told if name != "feed"] == ["OPEN", "CLOSED"]


def test_dispatching_wakes_deliveries_and_says_that_it_runs(fact, publish, monkeypatch):
    sent = []
    monkeypatch.setattr(
        tasks.deliver_events, "apply_async", lambda args, **options: sent.append((args, options))
    )
    fact.connect(print, name="note", timeout_s=7)
    publish(1)
    tasks.dispatch_events()
    assert sent == [(["note", 22.0], {"time_limit": 22.0, "expires": 22.0})]
    assert analysis.is_running()


def test_a_delivery_that_leaves_work_wakes_the_next_one(fact, publish, monkeypatch, settings):
    sent = []
    monkeypatch.setattr(tasks.deliver_events, "apply_async", lambda args, **_: sent.append(args))
    settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1
    fact.connect(lambda _: None, name="note")
    publish(2)
    tasks.deliver_events("note", 22.0)
    assert sent == [["note", 22.0]]
    settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD = 10**9
    tasks.deliver_events("note", 22.0)
    assert len(sent) == 1


def test_pruning_is_a_task(fact, publish):
    publish(1)
    Event.objects.update(recorded_at=timezone.now() - timedelta(days=31))
    tasks.prune_events()
    assert not Event.objects.exists()
