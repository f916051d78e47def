"""The admin's pages of events and deliveries."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from monitoring.events.publishing import NewEvent, publish_many
from monitoring.models import Delivery, Event, Replay
from tests.integration.monitoring.events.conftest import AT, Fact

pytestmark = pytest.mark.django_db

EVENTS = "/admin/monitoring/event/"
DELIVERIES = "/admin/monitoring/delivery/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def admin(make_user):
    def admin(group: str) -> Client:
        client = Client()
        client.force_login(make_user(group, group, is_staff=True))
        return client

    return admin


@pytest.fixture
def chain(fact) -> list[int]:
    """An event, the one that it led to, and a stranger; the first two with dead letters."""
    fact.connect(print, name="note")
    first = NewEvent(fact, Fact(1, HOSTILE), AT, HOSTILE, "a-correlation")
    second = NewEvent(fact, Fact(2), AT, "", "a-correlation", cause=first)
    ids = publish_many([first, second, NewEvent(fact, Fact(3), AT)])
    Delivery.objects.filter(event__in=ids[:2]).update(status="dead", error=HOSTILE)
    return ids


def act(client: Client, page: str, action: str, ids: list[int]):
    return client.post(page, {"action": action, "_selected_action": ids}, follow=True)


def test_an_event_shows_its_payload_deliveries_cause_and_consequences(admin, chain):
    viewer = admin("viewer")
    first, second, third = chain
    html = viewer.get(f"{EVENTS}{first}/change/").content.decode()
    assert "&quot;number&quot;: 1" in html
    assert HOSTILE not in html
    assert "note" in html
    assert f"{EVENTS}{second}/change/" in html
    assert f"{EVENTS}?q=a-correlation" in html
    assert f"{EVENTS}{first}/change/" in viewer.get(f"{EVENTS}{second}/change/").content.decode()
    assert viewer.get(f"{EVENTS}{third}/change/").status_code == 200


def test_a_cause_that_is_gone_is_named(admin, chain):
    Event.objects.filter(pk=chain[1]).update(causation_id=4711)
    assert "4711" in admin("viewer").get(f"{EVENTS}{chain[1]}/change/").content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 3), ("q=a-correlation", 2), ("q=999999", 0), ("type=FACT", 3), ("type=HEALTH_CHECK", 0)],
)
def test_the_history_is_searched(admin, chain, query, found):
    answer = admin("viewer").get(f"{EVENTS}?{query}")
    assert answer.context["cl"].result_count == found
    assert HOSTILE not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 2), ("status=pending", 1), ("status=all", 3), ("q=note", 2), ("type=HEALTH_CHECK", 0)],
)
def test_dead_letters_come_first(admin, chain, query, found):
    answer = admin("viewer").get(f"{DELIVERIES}?{query}")
    assert answer.context["cl"].result_count == found
    assert HOSTILE not in answer.content.decode()


def test_a_delivery_is_shown_whole(admin, chain):
    dead = Delivery.objects.filter(status="dead").first()
    html = admin("viewer").get(f"{DELIVERIES}{dead.id}/change/").content.decode()
    assert f"{EVENTS}{dead.event_id}/change/" in html
    assert HOSTILE not in html


def test_operators_replay(admin, chain):
    answer = act(admin("operator"), EVENTS, "replay", chain[:2])
    made = Replay.objects.get()
    assert (made.deliveries, made.by.username) == (2, "operator")
    assert f"Replay {made.pk} of 2 deliveries, of 2 events." in answer.content.decode()
    assert LogEntry.objects.get().change_message.startswith("Replay")


def test_a_replay_of_events_that_are_gone_delivers_nothing(admin, chain):
    answer = act(admin("operator"), EVENTS, "replay", [max(chain) + 1])
    assert "of 0 deliveries" in answer.content.decode()


@pytest.mark.parametrize(("action", "status"), [("retry", "pending"), ("discard", "discarded")])
def test_operators_decide_on_dead_letters(admin, chain, action, status):
    ids = list(Delivery.objects.filter(status="dead").values_list("id", flat=True))
    answer = act(admin("operator"), DELIVERIES, action, ids)
    assert "2 dead letters are" in answer.content.decode()
    decided = Delivery.objects.filter(pk__in=ids)
    assert {(each.status, each.decided_by.username) for each in decided} == {(status, "operator")}
    assert LogEntry.objects.get().user.username == "operator"


@pytest.mark.parametrize(
    ("page", "action"), [(EVENTS, "replay"), (DELIVERIES, "retry"), (DELIVERIES, "discard")]
)
def test_viewers_decide_nothing(admin, chain, page, action):
    ids = chain if page == EVENTS else list(Delivery.objects.values_list("id", flat=True))
    act(admin("viewer"), page, action, ids)
    assert not Replay.objects.exists()
    assert Delivery.objects.filter(status="dead").count() == 2
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("page", [EVENTS, DELIVERIES])
def test_nobody_adds_changes_or_deletes(admin, chain, page):
    client = admin("administrator")
    assert client.get(f"{page}add/").status_code == 403
    for pk in (chain[0], Delivery.objects.first().pk):
        assert client.post(f"{page}{pk}/delete/").status_code in {302, 403}
    assert Event.objects.count() == Delivery.objects.count() == 3
