"""The API of events: who may, what it answers, and what it refuses."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.events import analysis, replaying
from monitoring.events.delivery import deliver
from monitoring.models import Delivery, Event, Replay
from tests.integration.monitoring.events.conftest import AT, Fact

pytestmark = pytest.mark.django_db

READS = ["/api/events", "/api/events/analytics", "/api/events/dead-letters"]
WRITES = {
    "/api/events/replay": "operator",
    "/api/events/1/replay": "operator",
    "/api/events/dead-letters/1/retry": "operator",
    "/api/events/dead-letters/1/discard": "operator",
    "/api/events": "administrator",
}


@pytest.fixture
def operator(signed_in):
    return signed_in("operator")


def fail(_) -> None:
    raise ValueError("no")


@pytest.mark.parametrize("path", READS)
def test_staff_reads(api, signed_in, path):
    assert api.get(path).status_code == 401
    assert signed_in("viewer").get(path).status_code == 200


@pytest.mark.parametrize(("path", "group"), WRITES.items())
def test_each_group_writes_what_it_may(api, signed_in, path, group):
    groups = ["viewer", "operator", "administrator"]
    assert api.post(path, {}, format="json").status_code == 401
    for each in groups:
        status = signed_in(each).post(path, {}, format="json").status_code
        assert (status == 403) is (groups.index(each) < groups.index(group)), (each, status)


def test_the_history_is_filtered_and_paged(fact, publish, operator):
    first = publish(3, subject="DLH400", correlation_id="a-correlation")
    second = publish(3)
    Event.objects.filter(pk__in=first).update(recorded_at=timezone.now() - timedelta(hours=2))

    def ids(**query) -> list[int]:
        answer = operator.get("/api/events", query)
        assert answer.status_code == 200, answer.json()
        return [event["id"] for event in answer.json()["results"]]

    assert ids() == ids(type="FACT") == ids(service="tests") == [*second[::-1], *first[::-1]]
    assert ids(service="other") == []
    assert ids(correlation_id="a-correlation") == ids(subject="DLH400") == first[::-1]
    hour_ago = (timezone.now() - timedelta(hours=1)).isoformat()
    assert ids(recorded_after=hour_ago) == second[::-1]
    assert ids(recorded_before=hour_ago) == first[::-1]
    page = operator.get("/api/events", {"page_size": 4}).json()
    assert len(page["results"]) == 4
    assert [e["id"] for e in operator.get(page["next"]).json()["results"]] == [first[1], first[0]]


def test_an_event_is_shown_whole(fact, publish, operator):
    (event_id,) = publish(1, subject="DLH400", correlation_id="a-correlation", cause=7)
    (event,) = operator.get("/api/events").json()["results"]
    assert event.pop("recorded_at").endswith("Z")
    assert event == {
        "id": event_id,
        "type": "FACT",
        "version": 1,
        "service": "tests",
        "subject": "DLH400",
        "occurred_at": "2026-01-05T12:00:00Z",
        "payload": {"number": 0, "text": ""},
        "correlation_id": "a-correlation",
        "causation_id": 7,
    }


@pytest.mark.parametrize(
    "query",
    [{"type": "NOTHING"}, {"recorded_after": "noon"}, {"other": 1}, {"service": "x" * 51}],
)
def test_a_bad_parameter_is_named(operator, query):
    answer = operator.get("/api/events", query)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == set(query)


def test_publishing_checks_the_payload_and_delivers(fact, signed_in):
    got = []
    fact.connect(got.append, name="note")
    body = {"type": "FACT", "payload": {"number": 5}, "subject": "x", "causation_id": 3}
    answer = signed_in("administrator").post(
        "/api/events", body, format="json", headers={"X-Correlation-ID": "of-the-request"}
    )
    assert answer.status_code == 201
    event = answer.json()
    assert event["payload"] == {"number": 5, "text": ""}
    assert (event["causation_id"], event["correlation_id"]) == (3, "of-the-request")
    deliver("note")
    assert [(each.id, each.payload) for each in got] == [(event["id"], Fact(5))]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, {"type", "payload"}),
        ([], {"non_field_errors"}),
        ({"type": "NOTHING", "payload": {}}, {"type"}),
        ({"type": "FACT\0", "payload": {}}, {"type"}),
        ({"type": "FACT", "payload": {"number": "x"}}, {"payload"}),
        ({"type": "FACT", "payload": {"number": 1, "more": 1}}, {"payload"}),
        ({"type": "FACT", "payload": [1]}, {"payload"}),
        ({"type": "FACT", "payload": {"number": 1}, "other": 1}, {"other"}),
        ({"type": "FACT", "payload": {"number": 1}, "occurred_at": "noon"}, {"occurred_at"}),
        ({"type": "FACT", "payload": {"number": 1}, "causation_id": 2**70}, {"causation_id"}),
        ({"type": "FACT", "payload": {"number": 1}, "correlation_id": "a b"}, {"correlation_id"}),
    ],
)
def test_what_can_t_be_published_is_refused(fact, signed_in, body, named):
    answer = signed_in("administrator").post("/api/events", body, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == named
    assert not Event.objects.exists()


def test_one_event_is_replayed(fact, publish, operator):
    fact.connect(print, name="a")
    fact.connect(print, name="b")
    first, _ = publish(2)
    answer = operator.post(f"/api/events/{first}/replay", {"handler": "b"}, format="json")
    assert answer.status_code == 201
    assert answer.json() | {"at": ""} == {
        "id": Replay.objects.get().id,
        "at": "",
        "by": "operator",
        "selection": {"id": first, "handler": "b"},
        "deliveries": 1,
    }
    assert Delivery.objects.get(replay__isnull=False).handler == "b"
    assert operator.post(f"/api/events/{first}/replay").json()["deliveries"] == 2


@pytest.mark.parametrize("event_id", [999_999, 2**63, 10**30])
def test_an_unknown_event_is_not_found(operator, event_id):
    assert operator.post(f"/api/events/{event_id}/replay").status_code == 404


def test_a_range_is_replayed_once_for_each_key(fact, publish, operator):
    fact.connect(print, name="a")
    publish(3)
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    body = {"from": "2026-01-01T00:00:00Z", "to": tomorrow}
    answers = [
        operator.post(
            "/api/events/replay",
            body,
            format="json",
            headers={"Idempotency-Key": "one-and-the-same"},
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["deliveries"] == 3
    assert Delivery.objects.filter(replay__isnull=False).count() == 3
    other = operator.post(
        "/api/events/replay",
        {"type": "FACT"},
        format="json",
        headers={"Idempotency-Key": "one-and-the-same"},
    )
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, {"request"}),
        ({"type": "NOTHING"}, {"type"}),
        ({"type": "FACT", "handler": "nobody"}, {"request"}),
        ({"from": "noon"}, {"from"}),
        ({"first_id": 0}, {"first_id"}),
        ({"ids": [1]}, {"ids"}),
    ],
)
def test_a_replay_that_means_nothing_is_refused(fact, operator, body, named):
    answer = operator.post("/api/events/replay", body, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == named


@pytest.mark.parametrize("key", ["", "a b", "x" * 101])
def test_a_strange_key_is_refused(fact, operator, key):
    answer = operator.post(
        "/api/events/replay", {"type": "FACT"}, format="json", headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == {"Idempotency-Key"}


def test_too_large_a_replay_is_refused_with_its_number(fact, publish, operator, monkeypatch):
    monkeypatch.setattr(replaying, "MOST_DELIVERIES", 2)
    fact.connect(print, name="a")
    publish(3)
    answer = operator.post("/api/events/replay", {"type": "FACT"}, format="json")
    assert answer.status_code == 400
    assert "3 deliveries" in answer.json()["error"]["details"]["request"][0]


def test_dead_letters_are_listed_retried_and_discarded(fact, publish, operator, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 0.0
    fact.connect(fail, name="fail")
    publish(2)
    Delivery.objects.update(attempts=4)
    deliver("fail")
    newest, oldest = operator.get("/api/events/dead-letters").json()["results"]
    assert newest["id"] > oldest["id"]
    assert (newest["handler"], newest["status"], newest["attempts"]) == ("fail", "dead", 5)
    assert newest["error"] == "ValueError: no"
    assert newest["event"]["payload"]["number"] == 1
    for query, found in (({"handler": "other"}, 0), ({"handler": "fail", "type": "FACT"}, 2)):
        assert len(operator.get("/api/events/dead-letters", query).json()["results"]) == found
    retried = operator.post(f"/api/events/dead-letters/{newest['id']}/retry").json()
    assert (retried["status"], retried["attempts"], retried["decided_by"]) == (
        "pending",
        0,
        "operator",
    )
    for _ in range(2):
        discarded = operator.post(f"/api/events/dead-letters/{oldest['id']}/discard")
        assert (discarded.status_code, discarded.json()["status"]) == (200, "discarded")
    again = operator.post(f"/api/events/dead-letters/{oldest['id']}/retry")
    assert (again.status_code, again.json()["status"]) == (200, "discarded")
    assert operator.post("/api/events/dead-letters/999999999/retry").status_code == 404
    assert operator.post(f"/api/events/dead-letters/{10**30}/retry").status_code == 404


def test_the_analytics_count_what_happened(fact, publish, operator, settings):
    settings.EVENT_BUS_MAX_DEAD_LETTER_SIZE = 10
    fact.connect(print, name="idle", timeout_s=3)
    fact.connect(lambda _: None, name="note")
    fact.connect(fail, name="fail", timeout_s=7)
    old = publish(2)
    publish(3)
    long_ago = timezone.now() - timedelta(hours=30)
    Event.objects.filter(pk__in=old).update(recorded_at=long_ago)
    Delivery.objects.filter(handler="fail").update(attempts=4)
    deliver("note")
    deliver("fail")
    answer = operator.get("/api/events/analytics").json()
    assert answer["hours"] == 24
    assert answer["total_subscribers"] == 3
    assert (answer["total_events"], answer["event_counts"]["FACT"]) == (3, 3)
    assert answer["event_counts"]["FLIGHT_CREATED"] == 0
    assert answer["subscriber_counts"]["FACT"] == 3
    metrics = answer["metrics"]
    assert (metrics["total_events_processed"], metrics["failed_events"]) == (5, 5)
    assert 0 <= metrics["average_processing_time"] < 1
    assert (metrics["events_by_type"], metrics["events_by_service"]) == ({"FACT": 3}, {"tests": 3})
    assert metrics["last_event_time"].endswith("Z")
    assert answer["circuit_breakers"]["handler:fail"]["state"] == "OPEN"
    assert answer["dead_letter_queue"] == {"size": 5, "max_size": 10, "nearly_full": False}
    assert answer["handler_timeouts"] == {"fail": 7, "idle": 3, "note": 30}
    idle, failing = answer["handlers"]["idle"], answer["handlers"]["fail"]
    assert (idle["waiting"], idle["done"], idle["breaker"]) == (5, 0, "CLOSED")
    assert (failing["waiting"], failing["dead"], failing["breaker"]) == (0, 5, "OPEN")
    assert operator.get("/api/events/analytics", {"hours": 48}).json()["total_events"] == 5
    assert operator.get("/api/events/analytics", {"hours": 0}).status_code == 400


def test_it_runs_while_deliveries_are_dispatched(operator):
    assert operator.get("/api/events/analytics").json()["running"] is False
    analysis.note_dispatch()
    assert operator.get("/api/events/analytics").json()["running"] is True


def test_without_redis_nobody_knows_whether_it_runs(operator, redis_away):
    analysis.note_dispatch()
    assert operator.get("/api/events/analytics").json()["running"] is False


def test_times_are_in_utc(fact, publish, operator):
    publish(1)
    assert operator.get("/api/events").json()["results"][0]["occurred_at"] == AT.strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
