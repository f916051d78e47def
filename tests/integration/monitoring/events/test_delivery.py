"""Each handler gets each event: once where it writes to the database, else at least once."""

import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from monitoring import correlation
from monitoring.errors import reporting
from monitoring.errors.breakers import breaker_states
from monitoring.events import causation, claims
from monitoring.events.claims import MOST_ATTEMPTS, claim_next, mark_done, turn_of, wait_s
from monitoring.events.delivery import DeliveryResult, deliver, dispatch, limit_s
from monitoring.models import Delivery, ErrorGroup, Event, Replay
from tests.integration.monitoring.events.conftest import AT, Fact

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _retries_at_once(settings) -> None:
    settings.EVENT_BUS_RETRY_SECONDS = 0.0


def only_delivery() -> Delivery:
    return Delivery.objects.get()


def test_a_handler_gets_the_event_with_its_ids_in_force(fact, publish):
    got = []

    def note(event) -> None:
        got.append((event, correlation.current(), causation.current()))

    fact.connect(note, name="note")
    (event_id,) = publish(correlation_id="a-correlation", cause=7, subject="DLH400")
    assert deliver("note") == DeliveryResult(done=1)
    ((event, correlation_id, cause),) = got
    assert (event.id, event.type, event.version, event.service) == (event_id, "FACT", 1, "tests")
    assert (event.payload, event.subject, event.occurred_at) == (Fact(0), "DLH400", AT)
    assert (event.correlation_id, event.causation_id) == ("a-correlation", 7)
    assert (event.key, event.is_replay) == (str(only_delivery().id), False)
    assert (correlation_id, cause) == ("a-correlation", event_id)
    assert (correlation.current(), causation.current()) == ("", None)
    delivery = only_delivery()
    assert (delivery.status, delivery.attempts, delivery.claimed_until) == ("done", 1, None)
    assert delivery.finished_at is not None
    assert 0 <= delivery.seconds < 1
    assert deliver("note") == DeliveryResult()


def test_what_a_handler_publishes_names_its_event_as_the_cause(fact, publish):
    def publish_another(event) -> None:
        if event.payload.number == 0:
            fact.publish(Fact(1), occurred_at=AT)

    fact.connect(publish_another, name="chain")
    (first,) = publish(correlation_id="a-correlation")
    deliver("chain")
    second = Event.objects.exclude(pk=first).get()
    assert (second.causation_id, second.correlation_id) == (first, "a-correlation")
    assert {delivery.status for delivery in Delivery.objects.all()} == {"done"}


def test_the_effect_of_a_database_handler_stands_or_falls_with_its_mark(fact, publish):
    def write_and_fail(event) -> None:
        assert connection.in_atomic_block
        Replay.objects.create(selection={})
        if only_delivery().attempts < 3:
            raise ValueError("not yet")

    fact.connect(write_and_fail, name="write")
    publish()
    assert deliver("write") == DeliveryResult(done=1, failed=2)
    assert Replay.objects.count() == 1
    assert (only_delivery().status, only_delivery().attempts) == ("done", 3)


def test_a_claim_that_has_passed_on_leaves_no_effect(fact, publish):
    def lose_the_claim(event) -> None:
        Replay.objects.create(selection={})
        Delivery.objects.update(attempts=2)

    fact.connect(lose_the_claim, name="write")
    publish()
    deliver("write", seconds=0)
    assert not Replay.objects.exists()
    assert only_delivery().status == "pending"


def test_a_handler_that_reaches_outside_runs_in_no_transaction(fact, publish):
    states = []
    fact.connect(lambda _: states.append(connection.in_atomic_block), name="o", outside=True)
    publish()
    deliver("o")
    assert states == [False]
    assert only_delivery().status == "done"


def test_the_attempt_is_committed_before_the_handler_starts(fact, publish):
    seen = []

    def look(event) -> None:
        def read() -> None:
            seen.append((only_delivery().attempts, only_delivery().claimed_until))
            connection.close()

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()

    fact.connect(look, name="look", timeout_s=20)
    publish()
    deliver("look")
    ((attempts, claimed_until),) = seen
    assert attempts == 1
    assert timedelta(seconds=20) < claimed_until - timezone.now() < timedelta(seconds=30)


def fail(event) -> None:
    raise ValueError("secret=hunter2 \0 of a test")


def test_what_fails_every_time_becomes_a_dead_letter(fact, publish, settings):
    settings.CIRCUIT_BREAKER_FAILURE_THRESHOLD = 100
    fact.connect(fail, name="fail")
    publish()
    assert deliver("fail") == DeliveryResult(failed=MOST_ATTEMPTS, dead=1)
    delivery = only_delivery()
    assert (delivery.status, delivery.attempts) == ("dead", MOST_ATTEMPTS)
    assert delivery.error.startswith("ValueError: secret=")
    assert "hunter2" not in delivery.error
    assert delivery.finished_at is not None
    assert reporting.flush()
    group = ErrorGroup.objects.get()
    assert (group.service, group.operation, group.count) == ("events", "fail", MOST_ATTEMPTS)
    occurrence = group.occurrences.first()
    assert occurrence.context["event_type"] == "FACT"
    assert occurrence.context["delivery_id"] == delivery.id


def test_a_failed_delivery_waits_before_it_is_tried_again(fact, publish, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 200
    fact.connect(fail, name="fail")
    publish()
    assert deliver("fail") == DeliveryResult(failed=1)
    assert timezone.now() < only_delivery().due_at < timezone.now() + timedelta(seconds=200)
    assert dispatch(print) == 0


def test_waits_grow_exponentially_with_full_jitter():
    waits = [[wait_s(attempt, 10) for _ in range(500)] for attempt in (1, 2, 3, 4, 20)]
    for most, drawn in zip((10, 20, 40, 80, 600), waits, strict=True):
        assert all(0 <= wait <= most for wait in drawn)
        assert min(drawn) < 0.1 * most
        assert max(drawn) > 0.9 * most


def test_an_open_breaker_costs_no_attempts(fact, publish, settings):
    settings.CIRCUIT_BREAKER_FAILURE_THRESHOLD = 3
    settings.EVENT_BUS_RETRY_SECONDS = 200
    fact.connect(fail, name="fail")
    publish(5)
    assert deliver("fail") == DeliveryResult(failed=3, refused=True)
    assert breaker_states()["handler:fail"].state == "OPEN"
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 0, 1, 1, 1]
    assert deliver("fail") == DeliveryResult(refused=True)
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 0, 1, 1, 1]
    assert not Delivery.objects.exclude(claimed_until=None).exists()


def test_a_handler_that_fails_does_not_touch_the_others(fact, publish):
    got = []
    fact.connect(fail, name="fail")
    fact.connect(lambda event: got.append(event.payload.number), name="note")
    publish(20)
    deliver("fail")
    deliver("note")
    assert got == list(range(20))


def test_a_handler_that_hangs_is_interrupted(fact, publish, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 200

    def hang(event) -> None:
        time.sleep(10)

    fact.connect(hang, name="hang", timeout_s=0.2)
    publish()
    started = time.monotonic()
    assert deliver("hang") == DeliveryResult(failed=1)
    assert time.monotonic() - started < 1
    assert only_delivery().error == "HandlerTimeout: It took longer than 0.2 s."


def test_a_statement_that_hangs_is_interrupted_on_both_sides(fact, publish, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 200

    def sleep(event) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(10)")

    fact.connect(sleep, name="sleep", timeout_s=0.2)
    publish()
    started = time.monotonic()
    assert deliver("sleep") == DeliveryResult(failed=1)
    assert time.monotonic() - started < 2
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
            " AND state = 'active'"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_handler_that_swallows_the_interruption_is_interrupted_again(fact, publish):
    def be_stubborn(event) -> None:
        try:
            time.sleep(10)
        except TimeoutError:
            time.sleep(10)

    fact.connect(be_stubborn, name="stubborn", timeout_s=0.1)
    publish()
    started = time.monotonic()
    deliver("stubborn", seconds=0)
    assert time.monotonic() - started < 2


def test_a_handler_that_exits_ends_no_process(fact, publish):
    fact.connect(lambda _: sys.exit(3), name="exit")
    publish()
    assert deliver("exit", seconds=0).failed == 1
    assert only_delivery().error.startswith("HandlerExit: ")


def test_the_attempt_of_a_process_that_ended_is_a_failure(fact, publish, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 200
    fact.connect(lambda _: None, name="note")
    publish()
    assert claim_next("note", timeout_s=10)
    assert deliver("note") == DeliveryResult()  # the claim still holds
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert deliver("note") == DeliveryResult(failed=1)
    delivery = only_delivery()
    assert (delivery.attempts, delivery.claimed_until) == (1, None)
    assert delivery.error == "HandlerLost: The process ended during attempt 1."
    assert breaker_states()["handler:note"].failure_count == 1


def test_what_ends_its_process_every_time_becomes_a_dead_letter(fact, publish, settings):
    settings.CIRCUIT_BREAKER_FAILURE_THRESHOLD = 100
    fact.connect(lambda _: None, name="note")
    publish()
    Delivery.objects.update(attempts=MOST_ATTEMPTS - 1)
    assert claim_next("note", timeout_s=10)
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert deliver("note") == DeliveryResult(failed=1, dead=1)
    assert only_delivery().status == "dead"


def test_a_claim_can_be_ended_by_nobody_else(fact, publish):
    fact.connect(lambda _: None, name="note")
    publish()
    stale = claim_next("note", timeout_s=10)
    Delivery.objects.update(claimed_until=None)
    fresh = claim_next("note", timeout_s=10)
    assert (stale.attempt, fresh.attempt) == (1, 2)
    assert not mark_done(stale, 0.1)
    assert mark_done(fresh, 0.1)
    assert not mark_done(fresh, 0.1)


def test_one_process_at_a_time_delivers_to_a_handler(fact, publish):
    fact.connect(lambda _: None, name="note")
    publish()
    results = []

    def deliver_elsewhere() -> None:
        results.append(deliver("note"))
        results.append(deliver("other"))
        connection.close()

    with turn_of("note") as is_ours:
        assert is_ours
        thread = threading.Thread(target=deliver_elsewhere)
        thread.start()
        thread.join()
    assert results == [DeliveryResult(busy=True), DeliveryResult()]
    assert deliver("note").done == 1


def test_a_delivery_without_its_handler_waits_for_it(fact, publish):
    fact.connect(lambda _: None, name="note")
    publish()
    fact.disconnect(name="note")
    assert deliver("note", seconds=0).failed == 1
    assert only_delivery().error == "NoSuchHandler: There is no handler note."
    assert only_delivery().status == "pending"


def test_a_payload_that_no_longer_fits_is_a_failure_of_its_own(fact, publish):
    fact.connect(lambda _: None, name="note")
    publish()
    Event.objects.update(payload={"number": "x"})
    assert deliver("note", seconds=0).failed == 1
    assert only_delivery().error.startswith("InvalidPayload: Fact: ")
    assert "handler:note" not in breaker_states()


def test_a_call_ends_with_its_time_and_says_that_there_is_more(fact, publish):
    fact.connect(lambda _: time.sleep(0.02), name="slow")
    publish(50)
    result = deliver("slow", seconds=0.1)
    assert result.more
    assert 1 <= result.done < 50


def test_a_process_that_has_grown_too_large_takes_no_more(fact, publish, settings):
    settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1
    fact.connect(lambda _: None, name="note")
    publish(3)
    assert deliver("note") == DeliveryResult(done=1, more=True)


def test_dispatch_wakes_each_handler_that_has_something_due(fact, publish):
    for name in ("b", "a", "idle", "later"):
        fact.connect(lambda _: None, name=name, timeout_s=7)
    publish(3)
    Delivery.objects.filter(handler="idle").update(status="done")
    Delivery.objects.filter(handler="later").update(due_at=timezone.now() + timedelta(hours=1))
    woken = []
    assert dispatch(lambda *call: woken.append(call)) == 2
    assert woken == [("a", limit_s(7)), ("b", limit_s(7))]
    assert limit_s(7) > 7 + claims.MARGIN_S
