import json

import msgspec
import pytest
from msgspec import Raw

from collector.live import (
    Named,
    Place,
    Station,
    hide_members,
    live_flights,
    live_positions,
    network_status,
)
from tests.unit.collector.factories import (
    FEED_AT,
    LOGON_AT,
    AtisJson,
    ControllerJson,
    PilotJson,
    PlanJson,
    parsed,
    pilot,
)


def callsigns(*controllers, **lists) -> list[str]:
    positions = live_positions(parsed(controllers=list(controllers), **lists), {})
    return [position.callsign for position in positions]


def test_a_flight_has_what_the_feed_says_and_the_id_that_is_known():
    flier = pilot(cid=9_000_001, callsign="TST1", flight_plan=PlanJson())
    [flight] = live_flights([flier], {(9_000_001, "TST1"): 7})
    rendered = json.loads(msgspec.json.encode(flight))
    given = PilotJson(cid=9_000_001, callsign="TST1", flight_plan=PlanJson())
    times = {"logon_time", "last_updated"}
    assert {key: rendered[key] for key in given.keys() - times} == {
        key: given[key] for key in given.keys() - times
    }
    assert (rendered["id"], rendered["status"]) == (7, "active")
    assert flight.logon_time == LOGON_AT


def test_a_flight_that_no_flush_has_seen_has_no_id():
    [flight] = live_flights([pilot(cid=9_000_001, callsign="TST1")], {(9_000_001, "TST2"): 7})
    assert flight.id is None


@pytest.mark.parametrize("content", [b"null", b"[]", b"7", b'"EDDF"'])
def test_what_is_no_object_is_shown_as_no_plan(content):
    flier = pilot()
    flier.flight_plan = Raw(content)
    assert live_flights([flier], {})[0].flight_plan is None


@pytest.mark.parametrize("hostile", [rb"\ud800", rb"\u0000", b"\xff"])
def test_a_plan_that_clients_could_not_decode_is_repaired(hostile):
    flier = pilot()
    flier.flight_plan = Raw(b'{"route": "' + hostile + b'"}')
    rendered = json.loads(msgspec.json.encode(live_flights([flier], {})))
    assert rendered[0]["flight_plan"] == {"route": "\N{REPLACEMENT CHARACTER}"}


def test_positions_are_controllers_on_a_frequency():
    assert callsigns(
        ControllerJson(callsign="EDDF_TWR"),
        ControllerJson(callsign="EDDF_GND", frequency="199.998"),
        ControllerJson(callsign="EDDF_OBS"),
        ControllerJson(callsign="OBS_EDDF"),
        ControllerJson(callsign="XX_SUP"),
        ControllerJson(callsign="EDDM_ATIS"),
        ControllerJson(callsign="DLH123", facility=0),
        ControllerJson(callsign="SHANWICK", facility=1, frequency="8.867"),
    ) == ["EDDF_TWR", "SHANWICK"]


def test_a_position_has_its_names_antenna_and_atis():
    feed = parsed(
        controllers=[ControllerJson(cid=9_000_001, callsign="EDDF__S-TWR")],
        atis=[AtisJson(callsign="EDDF_ATIS", atis_code="K")],
    )
    known = {(9_000_001, "EDDF__S-TWR"): Station(8, Place(50.0, 8.0))}
    [position] = live_positions(feed, known)
    assert (position.id, position.position) == (8, Place(50.0, 8.0))
    assert (position.facility, position.rating) == (Named(4, "TWR"), Named(5, "C1"))
    assert position.atis_code == "K"


@pytest.mark.parametrize(
    "entry", [{}, {"id": 4}, {"id": [4], "short": "TWR"}, {"id": None, "short": 7}]
)
def test_an_odd_reference_costs_only_the_name(entry):
    [position] = live_positions(parsed(controllers=[ControllerJson()], facilities=[entry]), {})
    assert position.facility == Named(4, None)


def test_hidden_members_have_an_alias_and_no_name():
    feed = parsed([PilotJson(cid=9_000_001)], controllers=[ControllerJson(cid=9_000_002)])
    rows = [*live_flights(feed.pilots.values(), {}), *live_positions(feed, {})]
    hide_members(rows, lambda cid: -cid)
    assert [(row.cid, row.name) for row in rows] == [(-9_000_001, None), (-9_000_002, None)]


def test_the_network_reports_itself():
    feed = parsed(PilotJson.build_batch(2), controllers=[ControllerJson()])
    status = network_status(feed)
    assert (status.update_timestamp, status.pilots, status.controllers) == (FEED_AT, 2, 1)
