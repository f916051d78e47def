"""Events are delivered again: as new deliveries, to all handlers or to one."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from monitoring.events import replaying
from monitoring.events.delivery import deliver
from monitoring.events.payloads import UnknownEventType
from monitoring.events.replaying import KeyReused, ReplayRefused, Selection, replay
from monitoring.events.signals import EventSignal, Handler, register_source
from monitoring.models import Delivery, Event, Replay
from tests.integration.monitoring.events.conftest import AT, Fact

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(make_user):
    return make_user("olga", "operator")


@pytest.fixture
def got(fact):
    """What two handlers got."""
    got = {"a": [], "b": []}
    fact.connect(got["a"].append, name="a")
    fact.connect(got["b"].append, name="b")
    return got


def numbers(events) -> list[int]:
    return sorted(event.payload.number for event in events)


def deliver_all(got) -> None:
    for name in got:
        deliver(name)


def test_one_event_goes_to_all_handlers_again(got, publish, by):
    first, _ = publish(2)
    deliver_all(got)
    made, is_new = replay(Selection(id=first), by)
    assert is_new
    assert (made.deliveries, made.by, made.selection) == (2, by, {"id": first})
    deliver_all(got)
    assert numbers(got["a"]) == numbers(got["b"]) == [0, 0, 1]
    again = got["a"][-1]
    assert (again.id, again.replay_id, again.is_replay) == (first, made.id, True)
    assert again.key == f"{Delivery.objects.get(handler='a', replay=made).id}-replay-{made.id}"
    assert len({event.key for event in (*got["a"], *got["b"])}) == 6


def test_one_handler_gets_them_alone(got, publish, by):
    publish(2)
    deliver_all(got)
    assert replay(Selection(type="FACT", handler="b"), by)[0].deliveries == 2
    deliver_all(got)
    assert numbers(got["a"]) == [0, 1]
    assert numbers(got["b"]) == [0, 0, 1, 1]


def test_a_range_of_ids_or_times_goes_again(got, fact, publish, by):
    ids = publish(5)
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    for number, event_id in enumerate(ids):
        at = noon + timedelta(minutes=number)
        Event.objects.filter(pk=event_id).update(recorded_at=at)
    fact.disconnect(name="b")
    by_id, _ = replay(Selection(first_id=ids[1], last_id=ids[3]), by)
    until = noon + timedelta(minutes=2)
    by_time, _ = replay(Selection(since=noon, until=until), by)
    assert sorted(by_id.delivery_set.values_list("event_id", flat=True)) == ids[1:4]
    assert sorted(by_time.delivery_set.values_list("event_id", flat=True)) == ids[:2]


def test_a_type_goes_alone(got, publish, by):
    publish(2)
    other = EventSignal("OTHER", Fact, service="tests")
    other.connect(print, name="c")
    other.publish(Fact(7), occurred_at=AT)
    made, _ = replay(Selection(type="OTHER"), by)
    assert list(made.delivery_set.values_list("handler", flat=True)) == ["c"]


def test_handlers_of_sources_get_them_too(fact, publish, by):
    publish(2)
    register_source(lambda _: [Handler("hook", print)])
    assert replay(Selection(type="FACT"), by)[0].deliveries == 2


def test_the_same_key_delivers_once(got, publish, by):
    publish(3)
    first, is_new = replay(Selection(type="FACT"), by, "a-key")
    second, is_new_again = replay(Selection(type="FACT"), by, "a-key")
    assert (first, is_new, is_new_again) == (second, True, False)
    assert second.deliveries == 6
    assert Delivery.objects.filter(replay=first).count() == 6
    replay(Selection(type="FACT"), by, "another-key")
    replay(Selection(type="FACT"), by)
    assert Replay.objects.count() == 3


def test_a_key_is_of_one_request(got, publish, by):
    publish(3)
    replay(Selection(type="FACT"), by, "a-key")
    with pytest.raises(KeyReused):
        replay(Selection(type="FACT", handler="a"), by, "a-key")


def test_too_many_are_refused_with_their_number(got, publish, by, monkeypatch):
    monkeypatch.setattr(replaying, "MOST_DELIVERIES", 9)
    publish(5)
    with pytest.raises(ReplayRefused, match="10 deliveries; a replay has at most 9"):
        replay(Selection(type="FACT"), by, "a-key")
    assert not Replay.objects.exists()
    assert replay(Selection(type="FACT", handler="a"), by, "a-key")[0].deliveries == 5


@pytest.mark.parametrize(
    ("selection", "refusal"),
    [
        (Selection(), "Say which events"),
        (Selection(handler="a"), "Say which events"),
        (Selection(type="FACT", handler="nobody"), "no handler 'nobody'"),
    ],
)
def test_what_means_nothing_is_refused(got, by, selection, refusal):
    with pytest.raises(ReplayRefused, match=refusal):
        replay(selection, by)


def test_an_unknown_type_is_refused(by):
    with pytest.raises(UnknownEventType, match="NOTHING"):
        replay(Selection(type="NOTHING"), by)


def test_no_events_are_a_replay_of_none(got, by):
    since = timezone.now() + timedelta(days=1)
    assert replay(Selection(since=since), by)[0].deliveries == 0


def test_where_nobody_listens_nothing_is_delivered(fact, publish, by):
    publish(2)
    assert replay(Selection(type="FACT"), by)[0].deliveries == 0
