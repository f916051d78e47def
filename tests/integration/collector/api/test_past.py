import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from collector import snapshots
from collector.models import Flight, Source
from collector.services.compacting import compact
from tests.integration.collector.api.rows import as_held, by_callsign, feed
from tests.integration.collector.simulated import START, simulated, times

FLIGHTS, POSITIONS = "/api/flights", "/api/atc-positions"


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.fixture
def staff(signed_in):
    return signed_in("viewer")


@pytest.fixture
def changing_feeds() -> dict[datetime, bytes]:
    """Feeds in which, one after the other, something of somebody changes."""
    feeds = {at: feed(at) for at in times(8)}
    first = next(p for p in feeds[START]["pilots"] if p["flight_plan"])
    named = first["callsign"]
    station = next(c for c in feeds[START]["controllers"] if c["frequency"] != "199.998")

    def records(kind: str, callsign: str, after: int) -> list[dict]:
        later = [content for at, content in feeds.items() if at >= times(8)[after]]
        return [r for content in later for r in content[kind] if r["callsign"] == callsign]

    for pilot in records("pilots", named, 2):
        pilot["transponder"] = "4321"
    for pilot in records("pilots", named, 4):
        pilot["flight_plan"]["alternate"] = "LFPG"
        pilot["flight_plan"]["revision_id"] = 9
    for controller in records("controllers", station["callsign"], 3):
        controller |= {"frequency": "118.700", "text_atis": ["Now on another frequency"]}
    for content in list(feeds.values())[5:6]:
        content["pilots"] = [p for p in content["pilots"] if p["callsign"] != named]
        content["general"]["connected_clients"] -= 1
    return {at: json.dumps(content).encode() for at, content in feeds.items()}


@pytest.fixture
def lived(changing_feeds, play, staff) -> dict[datetime, tuple[dict, dict]]:
    """The live lists of each of these feeds, kept while they were current."""
    kept = {}
    for at, data in changing_feeds.items():
        play([(data, simulated(at)[1])])
        snapshots.forget()
        kept[at] = tuple(by_callsign(staff.get(path).json()) for path in (FLIGHTS, POSITIONS))
    return kept


def past_lists(staff, at: datetime) -> tuple[dict, dict]:
    return tuple(by_callsign(staff.get(p, {"at": stamp(at)}).json()) for p in (FLIGHTS, POSITIONS))


def check_all(lived, staff) -> None:
    for at, (flights, positions) in lived.items():
        past_flights, past_positions = past_lists(staff, at)
        assert as_held(past_flights) == as_held(flights)
        assert as_held(past_positions) == as_held(positions)


def test_the_past_is_as_it_was_when_it_was_live(lived, staff):
    check_all(lived, staff)
    squawks = {f["transponder"] for flights, _ in lived.values() for f in flights.values()}
    assert "4321" in squawks  # so that a change was among what was compared


def test_the_past_is_the_same_once_positions_are_compacted(lived, changing_feeds, play, staff):
    newest = json.loads(changing_feeds[times(8)[-1]])
    newest["general"]["update_timestamp"] = stamp(START + timedelta(minutes=16))
    play([(json.dumps(newest).encode(), None)])
    assert compact() == 1
    check_all(lived, staff)


def test_ids_and_antennas_come_with_the_flush_and_stay(lived, staff):
    newest = times(8)[-1]
    flights, positions = past_lists(staff, newest)
    ids = dict(Flight.objects.values_list("callsign", "id"))
    assert {callsign: row["id"] for callsign, row in flights.items()}.items() <= ids.items()
    live = lived[newest][1]
    placed = {c: r["position"] for c, r in live.items() if r["position"]}
    assert placed
    assert placed.items() <= {c: r["position"] for c, r in positions.items()}.items()


def test_a_time_between_feeds_means_the_feed_before(replayed_network, api):
    at = replayed_network[3]
    between = api.get(FLIGHTS, {"at": stamp(at + timedelta(seconds=7))})
    assert between.json() == api.get(FLIGHTS, {"at": stamp(at)}).json()
    assert (between["X-Data-Age"], between["X-Feed-State"]) == ("7", "fresh")


@pytest.fixture
def uneven_feeds(play) -> None:
    """Feeds of 12:00:10.119 and 12:00:25.250."""
    for at in (timedelta(milliseconds=10_119), timedelta(milliseconds=25_250)):
        play([simulated(START + at)])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-03-01T12:00:10Z", "2026-03-01T12:00:10.119Z"),
        ("2026-03-01 12:00:10", "2026-03-01T12:00:10.119Z"),
        ("2026-03-01T12:00:10.119Z", "2026-03-01T12:00:10.119Z"),
        ("2026-03-01T12:00:25.249Z", "2026-03-01T12:00:10.119Z"),
        ("2026-03-01T12:00:24Z", "2026-03-01T12:00:10.119Z"),
        ("2026-03-01T12:00:25Z", "2026-03-01T12:00:25.250Z"),
    ],
)
def test_a_time_to_the_second_means_all_of_it(uneven_feeds, api, asked, found):
    answer = api.get("/api/network/status", {"at": asked}).json()
    assert datetime.fromisoformat(answer["update_timestamp"]) == datetime.fromisoformat(found)
    assert answer["data_age_seconds"] >= 0


def test_a_time_in_an_outage_says_so(play, api):
    play(simulated(at) for at in (START, START + timedelta(minutes=20)))
    answer = api.get(FLIGHTS, {"at": stamp(START + timedelta(minutes=10))})
    assert (answer["X-Data-Age"], answer["X-Feed-State"]) == ("600", "outage")
    assert by_callsign(answer.json()).keys() == by_callsign(feed(START)["pilots"]).keys()


@pytest.mark.parametrize("path", [FLIGHTS, POSITIONS, "/api/network/status"])
def test_outside_the_history_the_range_is_named(path, replayed_network, api):
    with time_machine.travel(replayed_network[-1] + timedelta(minutes=1)):
        for outside in (START - timedelta(seconds=1), START + timedelta(hours=1)):
            answer = api.get(path, {"at": stamp(outside)})
            assert answer.status_code == 404
            message = answer.json()["error"]["message"]
            assert "2026-03-01T12:00:00.000Z" in message
            assert "2026-03-01T12:01:45.000Z" in message


def test_an_outage_up_to_now_belongs_to_history(replayed_network, api):
    with time_machine.travel(replayed_network[-1] + timedelta(hours=1)):
        at = stamp(replayed_network[-1] + timedelta(minutes=30))
        assert api.get(FLIGHTS, {"at": at})["X-Feed-State"] == "outage"


def test_a_recording_ends_with_its_last_feed(replayed_network, api):
    Source.objects.update(kind=Source.Kind.RECORDED)
    after = replayed_network[-1] + timedelta(seconds=30)
    assert api.get(FLIGHTS, {"at": stamp(after)}).status_code == 404


def test_anonymous_readers_of_the_past_see_pseudonyms(replayed_network, api):
    at = {"at": stamp(replayed_network[2])}
    flights, positions = api.get(FLIGHTS, at).json(), api.get(POSITIONS, at).json()
    assert flights
    assert positions
    assert all(row["cid"] < 0 and row["name"] is None for row in flights + positions)


def test_filters_and_formats_work_on_the_past(replayed_network, api):
    at = stamp(replayed_network[2])
    row = api.get(FLIGHTS, {"at": at}).json()[0]
    assert api.get(FLIGHTS, {"at": at, "callsign": row["callsign"]}).json() == [row]
    places = api.get(FLIGHTS, {"at": at, "format": "geojson", "cid": row["cid"]}).json()
    assert [feature["properties"] for feature in places["features"]] == [row]


def test_the_number_of_queries_does_not_grow_with_the_flights(
    replayed_network, api, django_assert_max_num_queries
):
    api.get(FLIGHTS)
    with django_assert_max_num_queries(10):
        api.get(FLIGHTS, {"at": stamp(replayed_network[4])})
    with django_assert_max_num_queries(10):
        api.get(POSITIONS, {"at": stamp(replayed_network[4])})


def test_a_connection_before_the_last_keeps_its_server_to_itself(changing_feeds, play, staff):
    at, later = times(8)[0], times(8)[1]
    again = json.loads(changing_feeds[later])
    pilot = again["pilots"][0]
    pilot |= {"logon_time": stamp(later), "server": "ELSEWHERE"}
    play([(changing_feeds[at], None), (json.dumps(again).encode(), None)])
    before = by_callsign(staff.get(FLIGHTS, {"at": stamp(at)}).json())[pilot["callsign"]]
    assert (before["server"], before["pilot_rating"], before["name"]) == (None, None, pilot["name"])
    after = by_callsign(staff.get(FLIGHTS, {"at": stamp(later)}).json())[pilot["callsign"]]
    assert after["server"] == "ELSEWHERE"
