from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from collector.models import ControllerSession, Flight, FlightPlan, Poll, Prefile, Presence, Tuning

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def viewer(db) -> Client:
    """A browser signed in as somebody who may look at everything and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def make_flight(db):
    """Make an ended flight."""

    def make(**fields) -> Flight:
        values = {
            "cid": 1_000_000,
            "callsign": "QFA1",
            "server": "S",
            "pilot_rating": 0,
            "logon_time": AT,
            "first_seen_at": AT,
            "last_seen_at": AT + timedelta(hours=1),
            "ended_at": AT + timedelta(hours=1),
            "end_reason": "unseen",
        }
        flight = Flight.objects.create(**values | fields)
        Presence.objects.create(flight=flight, logon_time=AT, since_at=AT, until_at=AT)
        return flight

    return make


@pytest.fixture
def make_session(db):
    """Make an open controller's session."""

    def make(**fields) -> ControllerSession:
        values = {
            "cid": 1_000_000,
            "callsign": "YSSY_TWR",
            "frequency": "120.500",
            "facility": 4,
            "rating": 3,
            "server": "S",
            "visual_range": 50,
            "logon_time": AT,
            "first_seen_at": AT,
            "status": "active",
            "tuned_at": AT,
        }
        return ControllerSession.objects.create(**values | fields)

    return make


@pytest.fixture
def make_tuning(db):
    """Make a radio that is tuned."""

    def make(**fields) -> Tuning:
        place = dict.fromkeys(("latitude", "longitude", "height_msl_m", "height_agl_m"), 0)
        values = {"callsign": "QFA1", "radio": 0, "frequency": 122_800_000, "since_at": AT}
        return Tuning.objects.create(**values | place | fields)

    return make


@pytest.fixture
def make_poll(db):
    """Make an accepted feed."""

    def make(**fields) -> Poll:
        values = {
            "feed_at": AT,
            "outcome": "accepted",
            "fetched_at": AT,
            "fetch_seconds": 0.5,
            "body_bytes": 1000,
            "stored_bytes": 300,
            "pilots": 1,
        }
        return Poll.objects.create(**values | fields)

    return make


def plan(**fields) -> dict:
    """The columns of a plan."""
    values = {
        "flight_rules": "I",
        "aircraft": "B738/M",
        "departure": "YSSY",
        "arrival": "YMML",
        "alternate": "",
        "cruise_tas": "450",
        "altitude": "34000",
        "deptime": "1200",
        "enroute_time": "0130",
        "fuel_time": "0300",
        "remarks": "",
        "route": "DCT",
    }
    return values | fields


@pytest.fixture
def make_plan():
    """Make a revision of a flight's plan."""

    def make(flight: Flight, minute: int = 0, **fields) -> FlightPlan:
        feed_at = AT + timedelta(minutes=minute)
        return FlightPlan.objects.create(flight=flight, feed_at=feed_at, **plan(**fields))

    return make


@pytest.fixture
def make_prefile(db):
    """Make a prefile."""

    def make(**fields) -> Prefile:
        values = {"cid": 1_000_000, "callsign": "QFA1", "last_updated": AT, "first_seen_at": AT}
        return Prefile.objects.create(**plan(**values | fields))

    return make
