"""Deliveries that were given up wait for a person, up to a number of them."""

import pytest
from django.db import connection

from monitoring.events import dead_letters
from monitoring.events.delivery import deliver
from monitoring.events.retention import prune
from monitoring.models import Delivery, Event, RecoveryCount

pytestmark = pytest.mark.django_db

HANDLER = "note"


@pytest.fixture
def by(make_user):
    return make_user("olga", "operator")


@pytest.fixture
def bury(fact, publish):
    """Make so many dead letters, oldest first."""
    got = []
    fact.connect(got.append, name=HANDLER)

    def bury(count: int) -> list[int]:
        events = publish(count)
        Delivery.objects.filter(event__in=events).update(
            status="dead", attempts=5, error="ValueError: no", finished_at="2026-01-05T12:00Z"
        )
        return list(
            Delivery.objects.filter(event__in=events).order_by("id").values_list("id", flat=True)
        )

    bury.got = got
    return bury


def test_a_retried_one_is_delivered_as_if_new(bury, by):
    bury(1)
    delivery = Delivery.objects.get()
    assert dead_letters.retry(delivery, by)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.finished_at) == ("pending", 0, None)
    assert (delivery.decided_by, delivery.error) == (by, "ValueError: no")
    assert delivery.decided_at is not None
    assert deliver(HANDLER).done == 1
    assert len(bury.got) == 1


def test_a_discarded_one_is_never_delivered(bury, by):
    bury(1)
    delivery = Delivery.objects.get()
    assert dead_letters.discard(delivery, by)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.decided_by) == ("discarded", by)
    assert deliver(HANDLER).done == 0


def test_of_two_decisions_the_first_one_counts(bury, by, make_user):
    other = make_user("otto", "operator")
    bury(1)
    delivery = Delivery.objects.get()
    assert dead_letters.discard(delivery, by)
    assert not dead_letters.retry(delivery, other)
    assert not dead_letters.discard(delivery, other)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.decided_by) == ("discarded", by)


def test_many_are_decided_at_once(bury, by):
    first, second, third = bury(3)
    dead_letters.discard(Delivery.objects.get(pk=first), by)
    chosen = Delivery.objects.filter(pk__in=[first, second])
    assert dead_letters.retry_all(chosen, by) == 1
    assert dict(Delivery.objects.values_list("id", "status")) == {
        first: "discarded",
        second: "pending",
        third: "dead",
    }
    assert dead_letters.discard_all(Delivery.objects.all(), by) == 1


@pytest.mark.parametrize(("dead", "nearly_full"), [(0, False), (7, False), (8, True), (10, True)])
def test_it_is_time_to_tell_somebody_at_four_fifths(bury, settings, dead, nearly_full):
    settings.EVENT_BUS_MAX_DEAD_LETTER_SIZE = 10
    bury(dead)
    fill = dead_letters.fill()
    assert (fill.size, fill.max_size, fill.is_nearly_full) == (dead, 10, nearly_full)


def test_above_the_cap_the_oldest_go_and_are_counted(bury, settings, monkeypatch):
    settings.EVENT_BUS_MAX_DEAD_LETTER_SIZE = 10
    monkeypatch.setattr(dead_letters, "MOST_DELETED", 4)
    ids = bury(25)
    assert dead_letters.fill().size == 11  # it counts no further
    assert prune()["dead_letters"] == 15
    assert sorted(Delivery.objects.values_list("id", flat=True)) == ids[15:]
    assert Event.objects.count() == 25
    bury(1)
    assert prune()["dead_letters"] == 1
    assert prune()["dead_letters"] == 0
    count = RecoveryCount.objects.get(operation=dead_letters.OPERATION)
    assert (count.strategy, count.service) == ("skip", "events")
    assert (count.attempts, count.successes) == (16, 16)


def test_counting_reads_an_index_alone(bury):
    bury(1)
    rows = dead_letters.dead_letters()[:10].explain()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "delivery_dead" in dead_letters.dead_letters()[:10].explain(), rows
