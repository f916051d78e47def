"""What the bus hears of feeds, flights and controllers."""

from datetime import timedelta

import pytest
from django.db import DataError

from collector.models import Flight
from collector.services.flushing import flush
from monitoring import correlation
from monitoring.models import Event
from tests.integration.collector.simulated import START
from tests.unit.collector.factories import (
    ControllerJson,
    PilotJson,
    body,
    feed_json,
    stamp,
)

pytestmark = pytest.mark.django_db

MOVES = {"latitude": 51.5, "longitude": 8.5, "altitude": 9000, "groundspeed": 400}


def feed(seconds: float, pilots=(), controllers=()) -> tuple[bytes, None]:
    at = START + timedelta(seconds=seconds)
    renewed = [
        [record | {"last_updated": stamp(at)} for record in records]
        for records in (pilots, controllers)
    ]
    return body(feed_json(renewed[0], at=at, controllers=renewed[1])), None


def heard(*types: str) -> list[Event]:
    return list(Event.objects.filter(type__in=types).order_by("id"))


def test_each_feed_is_fetched_processed_stored_and_cached(play):
    play([feed(0, [PilotJson()])])
    fetched, processed, stored, cached = heard(
        "DATA_FETCHED", "DATA_PROCESSED", "DATA_STORED", "DATA_CACHED"
    )
    assert processed.payload["outcome"] == "accepted"
    assert (processed.causation_id, stored.causation_id) == (fetched.id, processed.id)
    assert stored.payload["positions"] == 1
    assert cached.payload["flights"] == 1
    assert {event.occurred_at for event in (fetched, processed, stored, cached)} == {START}


def test_one_correlation_id_follows_a_poll_to_all_that_it_changed(take_feed, buffer):
    with correlation.use("poll-number-1"):
        take_feed(feed(0, [PilotJson()], controllers=[ControllerJson()])[0])
    with correlation.use("another-task"):
        flush(buffer)
    events = Event.objects.all()
    assert {event.correlation_id for event in events} == {"poll-number-1"}
    assert {"FLIGHT_CREATED", "CONTROLLER_LOGON", "POSITION_UPDATE", "DATA_CACHED"} <= {
        event.type for event in events
    }


def test_a_flight_is_created_once_and_completed_once(play):
    pilot = PilotJson()
    play([feed(0, [pilot]), feed(15, [pilot | MOVES]), feed(30, [pilot | MOVES])])
    play([feed(45 + 60 * i) for i in range(40)])
    [created] = heard("FLIGHT_CREATED")
    [completed] = heard("FLIGHT_COMPLETED")
    flight = Flight.objects.get()
    assert created.payload["flight_id"] == completed.payload["flight_id"] == flight.id
    assert (created.subject, created.occurred_at) == (flight.callsign, START)
    assert completed.payload["reason"] == flight.end_reason == "unseen"
    assert not heard("FLIGHT_CANCELLED")


def test_a_flight_that_never_moved_is_cancelled(play):
    play([feed(0, [PilotJson()]), *(feed(60 * i) for i in range(1, 40))])
    assert len(heard("FLIGHT_CANCELLED")) == 1
    assert not heard("FLIGHT_COMPLETED")


def test_a_controller_logs_on_changes_frequency_and_logs_off(play):
    first, second = (ControllerJson(frequency=f) for f in ("118.700", "121.900"))
    second |= {"cid": first["cid"], "callsign": first["callsign"]}
    second |= {"logon_time": first["logon_time"]}
    play([feed(0, controllers=[first]), feed(15, controllers=[second])])
    play([feed(30 + 60 * i) for i in range(40)])
    came, changed, left = heard("CONTROLLER_LOGON", "FREQUENCY_CHANGE", "CONTROLLER_LOGOFF")
    assert (came.type, changed.type, left.type) == (
        "CONTROLLER_LOGON",
        "FREQUENCY_CHANGE",
        "CONTROLLER_LOGOFF",
    )
    assert changed.payload["old_frequency"] == "118.700"
    assert changed.payload["frequency"] == left.payload["frequency"] == "121.900"


def test_what_happens_to_thousands_is_one_event_a_feed(play):
    play([feed(0, [PilotJson() for _ in range(20)])])
    [updated], [moved] = heard("FLIGHT_UPDATED"), heard("POSITION_UPDATE")
    assert updated.payload["created"] == 20
    assert (moved.payload["pilots"], moved.payload["positions"]) == (20, 20)


def test_a_feed_that_can_not_be_stored_is_told_of_as_rejected(take_feed, buffer, monkeypatch):
    def refuse(*_):
        raise DataError("a value that nobody foresaw")

    monkeypatch.setattr("collector.services.recording.write_sessions", refuse)
    take_feed(feed(0, [PilotJson()])[0])
    flush(buffer)
    [processed] = heard("DATA_PROCESSED")
    assert processed.payload["outcome"] == "rejected"
    assert "nobody foresaw" in processed.payload["reason"]
    assert not heard("DATA_STORED", "FLIGHT_CREATED")


def test_the_same_feeds_tell_the_same_twice_replayed_or_not(play, buffer):
    bodies = [feed(0, [PilotJson()])]
    play(bodies)
    told = Event.objects.exclude(type__startswith="DATA_C").count()
    buffer.redis.flushdb()
    play(bodies)
    assert Event.objects.exclude(type__startswith="DATA_C").count() == told


def test_events_name_no_member(play):
    play([feed(0, [PilotJson(name="Jane Doe EDDF", cid=1234567, callsign="DLH1")])])
    for event in Event.objects.all():
        assert "Jane" not in str(event.payload)
        assert "1234567" not in str(event.payload)
