"""The flight's page: its track, what belongs to it, and how it is found."""

from datetime import timedelta

import pytest

from collector.admin.base import MOST_SHOWN, page_of
from collector.models import Flight
from collector.services.tracking import track_of
from tests.integration.collector.admin.conftest import AT
from tests.integration.collector.simulated import START, simulated

LIST = "/admin/collector/flight/"


def sections(response) -> dict[str, list]:
    """The rows of each section of a page."""
    return {section.title: section.rows for section in response.context["sections"]}


def links_of(viewer, flight) -> dict[str, str]:
    """The address of each link of a page."""
    return {text: at for at, text in viewer.get(page_of(flight)).context["links"]}


@pytest.fixture
def just_come(play) -> Flight:
    """A flight with a single position."""
    play([simulated(START)])
    return next(flight for flight in Flight.objects.active() if len(track_of(flight)) == 1)


def test_a_single_position_is_drawn_on_a_map_with_a_scale_and_no_profile(viewer, just_come):
    html = viewer.get(page_of(just_come)).content.decode()
    assert html.count("<svg class=") == 1
    assert '<g class="scale"' in html
    assert " nm</text>" in html


@pytest.fixture
def flown(replayed_network) -> Flight:
    """A flight that has a position of each of eight feeds."""
    return max(Flight.objects.active(), key=lambda flight: len(track_of(flight)))


def test_the_page_draws_the_track_and_lists_its_positions_newest_first(viewer, flown):
    response = viewer.get(page_of(flown))
    track = track_of(flown)
    assert len(track) > 2
    assert response.content.decode().count("<svg class=") == 2
    assert sum(line.path.count(",") for line in response.context["drawing"].lines) >= len(track)
    positions = sections(response)[f"Positions: {len(track)}"]
    assert [row[1] for row in positions] == track.latitude.tolist()[::-1]


def test_a_flight_without_positions_has_a_page_too(viewer, make_flight):
    response = viewer.get(page_of(make_flight()))
    assert response.context["drawing"] is None
    assert "No position was kept." in response.content.decode()


def test_a_revision_shows_what_it_changed_and_nothing_else(viewer, make_flight, make_plan):
    flight = make_flight()
    make_plan(flight, 0, altitude="34000", route="DCT")
    make_plan(flight, 1, altitude="36000", route="DCT")
    newest, first = sections(viewer.get(page_of(flight)))["Plan and its revisions"]
    assert newest[2] == (
        '<div class="change"><b>Filed altitude</b>'
        "<span><del>34000</del> <ins>36000</ins></span></div>"
    )
    assert "<ins>34000</ins>" in first[2]
    assert "<ins>DCT</ins>" in first[2]


def test_the_page_leads_to_the_flights_before_and_after_a_gap(viewer, make_flight):
    before = make_flight(callsign="QFA1")
    flight = make_flight(callsign="QFA2", continues=before)
    after = make_flight(callsign="QFA3", continues=flight)
    links = links_of(viewer, flight)
    assert links["Continues QFA1"] == page_of(before)
    assert links["Continued by QFA3"] == page_of(after)
    assert viewer.get(links["Flights of QFA2"]).context["cl"].result_list[0] == flight
    assert viewer.get(links["Tuned frequencies"]).status_code == 200


def test_the_link_to_the_api_gives_the_track(viewer, flown):
    links = links_of(viewer, flown)
    answer = viewer.get(links["Track in the API"]).json()
    assert len(answer["positions"]["at"]) == len(track_of(flown))


def test_only_the_newest_of_many_revisions_are_shown(viewer, make_flight, make_plan):
    flight = make_flight()
    for minute in range(MOST_SHOWN + 5):
        make_plan(flight, minute, altitude=str(minute))
    response = viewer.get(page_of(flight))
    rows = sections(response)["Plan and its revisions"]
    assert len(rows) == MOST_SHOWN
    assert rows[0][0] == AT + timedelta(minutes=MOST_SHOWN + 4)
    assert f"The newest {MOST_SHOWN}." in response.content.decode()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("QFA1", {"QFA1", "QFA12"}),
        ("qfa1", {"QFA1", "QFA12"}),
        ("FA1", set()),
        ("Q_A", set()),
        ("1000002", {"BAW1"}),
        ("-7", {"UAL9"}),
        ("egll", {"BAW1"}),
        ("YMML", {"QFA1", "QFA12"}),
        ("QFA1 YSSY", {"QFA12"}),
        ("low", {"lower"}),
    ],
)
def test_search_finds_beginnings_of_callsigns_members_and_airports(
    viewer, make_flight, words, found
):
    make_flight(callsign="QFA1", departure="YPPH", arrival="YMML")
    make_flight(callsign="QFA12", departure="YSSY", arrival="YMML")
    make_flight(callsign="BAW1", cid=1_000_002, departure="EGLL", arrival="KJFK")
    make_flight(callsign="UAL9", cid=-7)
    make_flight(callsign="lower")
    listed = viewer.get(LIST, {"q": words}).context["cl"].result_list
    assert {flight.callsign for flight in listed} == found


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"is": "active"}, {"ACTIVE"}),
        ({"is": "unseen"}, {"UNSEEN"}),
        ({"is": "ended"}, {"QFA1"}),
        ({"flight_rules": "V"}, {"ACTIVE"}),
        ({"flight_rules": "none"}, {"QFA1", "UNSEEN"}),
        ({"end_reason__exact": "unseen"}, {"QFA1"}),
        ({"flown__exact": "1"}, {"UNSEEN"}),
    ],
)
def test_filters(viewer, make_flight, choice, found):
    still_open = {"ended_at": None, "end_reason": ""}
    make_flight(callsign="ACTIVE", last_seen_at=None, flight_rules="V", **still_open)
    make_flight(callsign="UNSEEN", flown=True, **still_open)
    make_flight()
    listed = viewer.get(LIST, choice).context["cl"].result_list
    assert {flight.callsign for flight in listed} == found
