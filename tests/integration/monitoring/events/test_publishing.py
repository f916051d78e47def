"""Events and their deliveries stand or fall with the fact."""

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.dispatch import receiver
from django.test.utils import CaptureQueriesContext

from monitoring import correlation
from monitoring.events import causation
from monitoring.events.payloads import EventError, InvalidPayload
from monitoring.events.publishing import NewEvent, publish_many
from monitoring.events.signals import Handler, register_source
from monitoring.models import Delivery, Event
from tests.integration.monitoring.events.conftest import AT, Fact

pytestmark = pytest.mark.django_db


def ignore(event) -> None:
    pass


def publish_and_roll_back(fact) -> None:
    with transaction.atomic():
        fact.publish(Fact(1), occurred_at=AT)
        transaction.set_rollback(True)


def owed() -> list[tuple[int, str]]:
    return list(Delivery.objects.order_by("event_id", "handler").values_list("event_id", "handler"))


def test_an_event_is_stored_with_a_delivery_for_each_handler(fact):
    fact.connect(ignore, name="first")
    fact.connect(ignore, name="second")
    with correlation.use("a-correlation"), causation.use(7):
        event_id = fact.publish(Fact(1, "é"), occurred_at=AT, subject="DLH400")
    event = Event.objects.get(pk=event_id)
    assert (event.type, event.version, event.service) == ("FACT", 1, "tests")
    assert (event.subject, event.occurred_at) == ("DLH400", AT)
    assert event.payload == {"number": 1, "text": "é"}
    assert (event.correlation_id, event.causation_id) == ("a-correlation", 7)
    assert event.recorded_at is not None
    assert owed() == [(event_id, "first"), (event_id, "second")]
    delivery = Delivery.objects.first()
    assert (delivery.status, delivery.attempts, delivery.error) == ("pending", 0, "")
    assert delivery.due_at is not None


def test_many_events_are_stored_as_one_is(fact):
    fact.connect(ignore, name="only")
    with correlation.use("a-correlation"), causation.use(7):
        one = fact.publish(Fact(1, "é"), occurred_at=AT, subject="DLH400")
        (other,) = publish_many([NewEvent(fact, Fact(1, "é"), AT, "DLH400")])
    rows = Event.objects.filter(pk__in=[one, other]).order_by("id").values()
    first, second = rows
    assert {k: v for k, v in first.items() if k not in {"id", "recorded_at"}} == {
        k: v for k, v in second.items() if k not in {"id", "recorded_at"}
    }
    assert owed() == [(one, "only"), (other, "only")]


def test_events_of_a_batch_can_be_causes_of_each_other(fact):
    first = NewEvent(fact, Fact(1), AT)
    events = [first, NewEvent(fact, Fact(2), AT, cause=first), NewEvent(fact, Fact(3), AT, cause=9)]
    ids = publish_many(events)
    assert [Event.objects.get(pk=i).payload["number"] for i in ids] == [1, 2, 3]
    assert [Event.objects.get(pk=i).causation_id for i in ids] == [None, ids[0], 9]


def test_a_cause_that_is_not_published_is_refused(fact):
    stranger = NewEvent(fact, Fact(1), AT)
    with pytest.raises(EventError, match="cause"):
        publish_many([NewEvent(fact, Fact(2), AT, cause=stranger)])
    assert not Event.objects.exists()


def test_a_thousand_events_take_three_statements(fact):
    fact.connect(ignore, name="only")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ids = publish_many([NewEvent(fact, Fact(n), AT) for n in range(1000)])
    assert len(queries) == 3
    assert ids == sorted(set(ids))
    assert Event.objects.count() == Delivery.objects.count() == 1000


def test_no_events_are_no_statement(fact, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert publish_many([]) == []


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_the_transaction_of_its_fact(fact):
    with pytest.raises(TransactionManagementError, match="transaction"):
        fact.publish(Fact(1), occurred_at=AT)
    with pytest.raises(TransactionManagementError):
        publish_many([])


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_published(fact):
    fact.connect(ignore, name="only")
    publish_and_roll_back(fact)
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_nul_and_lone_surrogates_become_storable(fact):
    event_id = fact.publish(Fact(1, "a\0b\ud800c\\u0000"), occurred_at=AT, subject="x\0\udfff")
    event = Event.objects.get(pk=event_id)
    assert event.payload["text"] == "a\ufffdb\ufffdc\\u0000"
    assert event.subject == "x\ufffd\ufffd"


@pytest.mark.parametrize(
    "payload",
    [Fact("1"), {"number": "1"}, {"number": 1, "other": 2}, {}, [], None, 5, {"number": object()}],
)
def test_a_payload_of_another_form_is_refused_with_its_reason(fact, payload):
    with pytest.raises(InvalidPayload, match=r"Fact: .+|JSON"):
        fact.publish(payload, occurred_at=AT)
    assert not Event.objects.exists()


def test_builtin_values_that_fit_are_completed(fact):
    event_id = fact.publish({"number": 1}, occurred_at=AT)
    assert Event.objects.get(pk=event_id).payload == {"number": 1, "text": ""}


def test_a_time_without_zone_is_refused(fact):
    with pytest.raises(EventError, match="time zone"):
        fact.publish(Fact(1), occurred_at=AT.replace(tzinfo=None))


def test_a_name_is_connected_once_and_can_be_disconnected(fact):
    receiver(fact, name="same")(ignore)
    fact.connect(print, name="same")
    assert fact.handlers["same"].receiver is ignore
    assert fact.has_listeners()
    assert fact.disconnect(name="same")
    assert not fact.disconnect(name="same")
    assert not fact.has_listeners()


def test_send_publishes(fact):
    event_id = fact.send(None, payload=Fact(1), occurred_at=AT, subject="x")
    assert Event.objects.get(pk=event_id).subject == "x"


@pytest.mark.django_db(transaction=True)
def test_a_source_is_asked_once_in_a_transaction(fact):
    asked = []

    def source(name: str) -> list[Handler]:
        asked.append(name)
        return [Handler(f"hook {len(asked)}", ignore)]

    register_source(source)
    with transaction.atomic():
        first = fact.publish(Fact(1), occurred_at=AT)
        second, third = publish_many([NewEvent(fact, Fact(n), AT) for n in (2, 3)])
    publish_and_roll_back(fact)
    with transaction.atomic():
        last = fact.publish(Fact(5), occurred_at=AT)
    assert asked == ["FACT", "FACT", "FACT"]
    assert owed() == [(first, "hook 1"), (second, "hook 1"), (third, "hook 1"), (last, "hook 3")]
