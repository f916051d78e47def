"""Pages of controllers' sessions, ATIS stations and tuned frequencies."""

from datetime import timedelta

import pytest

from collector.admin.base import page_of
from collector.models import AtisSession, Reference, SessionPeriod
from tests.integration.collector.admin.conftest import AT

SESSIONS, STATIONS, TUNINGS = (
    f"/admin/collector/{name}/" for name in ("controllersession", "atissession", "tuning")
)


def listed(viewer, url: str, **choice: str) -> set[str]:
    return {row.callsign for row in viewer.get(url, choice).context["cl"].result_list}


def test_atis_stations_and_controllers_have_lists_of_their_own(viewer, make_session):
    make_session(callsign="YSSY_TWR")
    station = make_session(callsign="YSSY_ATIS", is_atis=True, status="broadcast")
    assert listed(viewer, SESSIONS) == {"YSSY_TWR"}
    assert listed(viewer, STATIONS) == {"YSSY_ATIS"}
    assert viewer.get(page_of(AtisSession.objects.get(pk=station.pk))).status_code == 200
    assert viewer.get(page_of(station)).status_code == 302


def test_numbers_are_shown_with_the_names_that_the_feed_gives_them(viewer, make_session):
    make_session(rating=5, facility=6)
    make_session(rating=77, facility=66, callsign="ODD_CTR")
    Reference.objects.create(name="ratings", entries=[{"id": 5, "short": "C1"}], feed_at=AT)
    Reference.objects.create(name="facilities", entries=[{"id": 6, "short": "CTR"}], feed_at=AT)
    html = viewer.get(SESSIONS).content.decode()
    for name in ("C1", "CTR", "77", "66"):
        assert f">{name}</td>" in html


def test_a_session_shows_what_changed_from_period_to_period(viewer, make_session):
    session = make_session()
    same = {"facility": 4, "rating": 3, "server": "S", "visual_range": 50, "logon_time": AT}
    for minute, frequency, text in ((0, "199.998", None), (5, "120.500", ["Sydney", "Tower"])):
        SessionPeriod.objects.create(
            session=session,
            since_at=AT + timedelta(minutes=minute),
            until_at=AT + timedelta(minutes=minute + 4),
            frequency=frequency,
            text_atis=text,
            status="active",
            **same,
        )
    (section,) = viewer.get(page_of(session)).context["sections"]
    newest, first = section.rows
    assert "<del>199.998</del> <ins>120.500</ins>" in newest[2]
    assert "<del></del> <ins>Sydney\nTower</ins>" in newest[2]
    assert "Rating" not in newest[2]
    assert "<ins>199.998</ins>" in first[2]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"q": "yssy"}, {"YSSY_TWR"}),
        ({"q": "1000001"}, {"YMML_GND"}),
        ({"facility": "GND"}, {"YMML_GND"}),
        ({"status__exact": "pending"}, {"YMML_GND"}),
        ({"is": "active"}, {"YSSY_TWR"}),
        ({"is": "ended"}, {"YMML_GND"}),
    ],
)
def test_sessions_are_searched_and_filtered(viewer, make_session, choice, found):
    make_session()
    make_session(
        callsign="YMML_GND", cid=1_000_001, facility=3, status="pending",
        last_seen_at=AT, ended_at=AT, end_reason="unseen",
    )  # fmt: skip
    assert listed(viewer, SESSIONS, **choice) == found


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({}, ["YSSY_TWR", "QFA1"]),
        ({"q": "qfa1"}, ["QFA1"]),
        ({"q": "QFA"}, []),
        ({"q": "122.8"}, ["QFA1"]),
        ({"q": "120.500"}, ["YSSY_TWR"]),
        ({"q": "120.505"}, []),
        ({"is": "open"}, ["YSSY_TWR"]),
        ({"is": "over"}, ["QFA1"]),
    ],
)
def test_tunings_are_found_by_callsign_and_channel_newest_first(viewer, make_tuning, choice, found):
    make_tuning(callsign="QFA1", frequency=122_800_012, until_at=AT)
    later = AT + timedelta(minutes=1)
    make_tuning(callsign="YSSY_TWR", frequency=120_499_999, since_at=later)
    rows = viewer.get(TUNINGS, choice).context["cl"].result_list
    assert [row.callsign for row in rows] == found
