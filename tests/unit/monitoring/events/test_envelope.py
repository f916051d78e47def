"""What leaves the system is a CloudEvent 1.0."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import msgspec

from monitoring.events.envelope import envelope
from monitoring.events.signals import StoredEvent


class Landed(msgspec.Struct):
    at: datetime
    runway: str


EVENT = StoredEvent(
    id=17,
    type="FLIGHT_LANDED",
    version=2,
    service="traffic",
    subject="DLH400",
    occurred_at=datetime(2026, 1, 5, 14, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2))),
    payload=Landed(datetime(2026, 1, 5, 12, tzinfo=UTC), "25R"),
    correlation_id="a-correlation",
    causation_id=16,
    key="99",
)


def test_it_has_every_attribute():
    assert envelope(replace(EVENT, replay_id=3), "https://vatsim.example.org/") == {
        "specversion": "1.0",
        "id": "17",
        "source": "https://vatsim.example.org/traffic",
        "type": "net.vatsim.collection.flight_landed.v2",
        "subject": "DLH400",
        "time": "2026-01-05T12:00:00.500000Z",
        "datacontenttype": "application/json",
        "data": {"at": "2026-01-05T12:00:00Z", "runway": "25R"},
        "correlationid": "a-correlation",
        "causationid": "16",
        "replayid": "3",
    }


def test_it_has_no_empty_attribute():
    bare = replace(EVENT, subject="", correlation_id="", causation_id=None)
    assert set(envelope(bare, "https://vatsim.example.org")) == {
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "datacontenttype",
        "data",
    }


def test_names_are_as_cloudevents_wants_them():
    names = envelope(replace(EVENT, replay_id=3), "https://vatsim.example.org")
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in names)
