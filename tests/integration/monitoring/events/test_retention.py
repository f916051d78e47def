"""Events go when they are old or too many, and nobody waits for them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.events import retention
from monitoring.events.retention import prune
from monitoring.models import Delivery, Event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 3)


def age(ids: list[int], days: int) -> None:
    Event.objects.filter(pk__in=ids).update(recorded_at=timezone.now() - timedelta(days=days))


def left() -> list[int]:
    return sorted(Event.objects.values_list("id", flat=True))


def test_old_events_go_with_their_deliveries(fact, publish):
    fact.connect(print, name="note")
    ids = publish(20)
    age(ids[:13], days=31)
    age(ids[13:], days=29)
    Delivery.objects.update(status="done")
    assert prune() == {"given_up": 0, "dead_letters": 0, "old_events": 13, "surplus_events": 0}
    assert left() == ids[13:]
    assert Delivery.objects.count() == 7


@pytest.mark.parametrize("status", ["pending", "dead"])
def test_events_that_somebody_waits_for_stay(fact, publish, settings, status):
    settings.EVENT_BUS_MAX_HISTORY_SIZE = 1
    fact.connect(print, name="note")
    fact.connect(print, name="other")
    ids = publish(10)
    age(ids, days=31)
    Delivery.objects.update(status="done")
    waited_for = ids[1::2]
    Delivery.objects.filter(event__in=waited_for, handler="note").update(status=status)
    assert prune()["old_events"] == 5
    assert left() == waited_for


def test_what_was_never_delivered_is_a_dead_letter_in_the_end(fact, publish):
    fact.connect(print, name="note")
    old, new = publish(2)
    age([old], days=31)
    assert prune()["given_up"] == 1
    assert list(Delivery.objects.order_by("event").values_list("event", "status")) == [
        (old, "dead"),
        (new, "pending"),
    ]


def test_above_the_cap_the_oldest_go(fact, publish, settings):
    settings.EVENT_BUS_MAX_HISTORY_SIZE = 8
    ids = publish(20)
    assert prune()["surplus_events"] == 12
    assert left() == ids[12:]
    assert prune()["surplus_events"] == 0
