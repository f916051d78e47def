import csv
from datetime import timedelta

import pytest

from collector.models import ControllerSession
from collector.privacy import pseudonym
from tests.integration.collector.simulated import START


@pytest.fixture
def session(replayed_network) -> ControllerSession:
    return ControllerSession.objects.controllers().filter(status="active")[0]


@pytest.fixture
def path(session) -> str:
    return f"/api/atc-positions/{session.callsign}/sessions"


@pytest.fixture
def earlier(session) -> ControllerSession:
    end = START - timedelta(hours=1)
    earlier = ControllerSession.objects.get(pk=session.pk)
    earlier.pk, earlier.first_seen_at = None, START - timedelta(hours=3)
    earlier.last_seen_at = earlier.ended_at = end
    earlier.end_reason = "unseen"
    earlier.save()
    return earlier


def test_sessions_come_newest_first_with_their_duration(api, path, session, earlier):
    rows = api.get(path).json()["results"]
    assert [row["id"] for row in rows] == [session.pk, earlier.pk]
    assert [row["duration_seconds"] for row in rows] == [None, 7200]
    assert rows[0]["facility"]["id"] == session.facility
    assert rows[0]["facility"]["short"]
    assert rows[0]["frequency"] == session.frequency


def test_members_are_shown_to_staff_only(api, signed_in, path, session):
    anonymous = api.get(path).json()["results"][0]
    assert (anonymous["cid"], anonymous["name"]) == (pseudonym(session.cid), None)
    named = signed_in("viewer").get(path).json()["results"][0]
    assert (named["cid"], named["name"]) == (session.cid, session.name)


def test_pages_follow_each_other(api, path, session, earlier):
    first = api.get(f"{path}?page_size=1").json()
    assert [row["id"] for row in api.get(first["next"]).json()["results"]] == [earlier.pk]


def test_csv_has_a_column_for_each_part(api, path):
    text = api.get(f"{path}?format=csv").content.decode()
    headings = next(csv.reader(text.splitlines()))
    assert {"facility.short", "rating.id", "frequency"} <= set(headings)


def test_a_position_that_nobody_ever_held_is_404(api, db):
    assert api.get("/api/atc-positions/NOWHERE_TWR/sessions").status_code == 404
