"""The made-up network: always the same, in the form of the real one, and flown plausibly."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from collector.distance import distance_nm
from collector.simulation.airports import busiest_airports
from collector.simulation.network import Network

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)
TICK = timedelta(seconds=15)
RECORDED = Path(__file__).parents[5] / "shared" / "data"

Record = dict[str, Any]


def feed(network: Network, at: datetime = NOON) -> Record:
    return json.loads(network.data(at))


def pilots_of(feed: Record) -> dict[str, Record]:
    return {pilot["callsign"]: pilot for pilot in feed["pilots"]}


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(seed=1, aircraft=500)


@pytest.fixture(scope="module")
def hours(network: Network) -> list[Record]:
    """Four hours of feeds, one a minute."""
    return [feed(network, NOON + timedelta(minutes=minute)) for minute in range(240)]


@pytest.fixture(scope="module")
def minutes(network: Network) -> list[Record]:
    """Ten minutes of feeds at the real pace."""
    return [feed(network, NOON + n * TICK) for n in range(40)]


class TestSameness:
    def test_same_arguments_give_the_same_bytes(self, network: Network) -> None:
        other = Network(seed=1, aircraft=500)
        assert network.data(NOON) == other.data(NOON)
        assert network.transceivers(NOON) == other.transceivers(NOON)

    def test_what_was_asked_before_changes_nothing(self, network: Network) -> None:
        wanted = Network(seed=1, aircraft=500).data(NOON)
        for hour in (5, -30, 0.1):
            network.data(NOON + timedelta(hours=hour))
        assert network.data(NOON) == wanted

    def test_the_zone_of_the_time_does_not_matter(self, network: Network) -> None:
        zone = datetime.now().astimezone().tzinfo
        assert network.data(NOON.astimezone(zone)) == network.data(NOON)

    def test_a_time_without_zone_is_refused(self, network: Network) -> None:
        with pytest.raises(TypeError):
            network.data(NOON.replace(tzinfo=None))

    def test_another_seed_gives_another_network(self, network: Network) -> None:
        ours, others = (
            {
                (p["callsign"], p["flight_plan"] and p["flight_plan"]["departure"])
                for p in f["pilots"]
            }
            for f in (feed(network), feed(Network(seed=2, aircraft=500)))
        )
        assert len(ours & others) < len(ours) / 2


class TestSize:
    @pytest.mark.parametrize("aircraft", [10, 200, 3_000])
    def test_the_number_online_stays_near_the_wanted_one(self, aircraft: int) -> None:
        network = Network(aircraft=aircraft)
        online = [len(feed(network, NOON + timedelta(hours=7 * n))["pilots"]) for n in range(8)]
        assert all(abs(count - aircraft) <= max(3, aircraft * 0.04) for count in online)

    @pytest.mark.parametrize("aircraft", [9, 100_001])
    def test_other_sizes_are_refused(self, aircraft: int) -> None:
        with pytest.raises(ValueError, match="from 10 to 100000"):
            Network(aircraft=aircraft)

    def test_a_controller_is_online_for_about_25_aircraft(self) -> None:
        controllers = feed(Network(aircraft=3_000))["controllers"]
        assert 100 <= len(controllers) <= 140
        observers = [c for c in controllers if c["frequency"] == "199.998"]
        assert {c["facility"] for c in observers} == {0}
        assert {c["facility"] for c in controllers} == {0, 2, 3, 4, 5, 6}

    def test_a_pilot_takes_about_a_kilobyte_as_in_the_real_feed(self, network: Network) -> None:
        body = network.data(NOON)
        pilots = body[body.index(b'"pilots"') : body.index(b'"controllers"')]
        assert 900 < len(pilots) / len(feed(network)["pilots"]) < 1_200


class TestForm:
    def test_counts_hold(self, hours: list[Record]) -> None:
        for body in hours[::20]:
            clients = body["pilots"] + body["controllers"] + body["atis"]
            assert body["general"]["connected_clients"] == len(clients)
            assert body["general"]["unique_users"] == len({client["cid"] for client in clients})

    def test_no_callsign_is_there_twice(self, hours: list[Record]) -> None:
        for body in hours[::20]:
            clients = body["pilots"] + body["controllers"] + body["atis"]
            assert max(Counter(client["callsign"] for client in clients).values()) == 1

    def test_callsigns_stay_distinct_in_the_largest_network(self) -> None:
        from collector.simulation.fleet import airline_callsign, light_callsign

        legs = range(250_000)
        assert len({name(leg) for name in (airline_callsign, light_callsign) for leg in legs}) == (
            2 * len(legs)
        )

    def test_no_real_member_is_in_it(self, network: Network) -> None:
        body = feed(network)
        assert min(c["cid"] for c in body["pilots"] + body["controllers"]) >= 8_000_000

    def test_it_says_that_it_is_simulated(self, network: Network) -> None:
        body = feed(network)
        assert all("SIMULATED" in server["name"] for server in body["servers"])
        plans = [p["flight_plan"] for p in body["pilots"] + body["prefiles"] if p["flight_plan"]]
        assert all("SIMULATED" in plan["remarks"] for plan in plans)
        assert all("SIMULATED" in station["text_atis"][0] for station in body["atis"])

    def test_records_are_a_few_seconds_old(self, network: Network) -> None:
        for pilot in feed(network)["pilots"]:
            assert len(pilot["last_updated"]) == len("2025-11-03T11:59:57.1234567Z")
            updated_at = datetime.fromisoformat(pilot["last_updated"])
            assert timedelta(0) <= NOON - updated_at <= timedelta(seconds=5)
            assert datetime.fromisoformat(pilot["logon_time"]) <= updated_at

    def test_keys_and_types_are_those_of_a_recorded_feed(self, network: Network) -> None:
        files = sorted((RECORDED / "feeds").glob("*.json.gz"))
        if not files:
            pytest.skip("no recorded feeds here")
        real = json.loads(gzip.decompress(files[-1].read_bytes()))
        assert list(forms(feed(network))) == list(forms(real))
        assert forms(feed(network)) == forms(real)

    def test_transceivers_have_the_form_of_recorded_ones(self, network: Network) -> None:
        files = sorted((RECORDED / "transceivers").glob("*.json.gz"))
        if not files:
            pytest.skip("no recorded transceivers here")
        real = json.loads(gzip.decompress(files[-1].read_bytes()))
        ours = json.loads(network.transceivers(NOON))
        assert keys_of(ours[0]) == keys_of(real[0])
        assert keys_of(ours[0]["transceivers"][0]) == keys_of(real[0]["transceivers"][0])


def forms(feed: Record) -> dict[str, Any]:
    """Keys with their types of a feed's parts, `null` and whole floats aside."""
    found: dict[str, Any] = {}
    for part, content in feed.items():
        records = [content] if isinstance(content, dict) else content
        found[part] = merged(records)
        if part in {"pilots", "prefiles"}:
            plans = [record["flight_plan"] for record in records if record["flight_plan"]]
            found[f"{part}.flight_plan"] = merged(plans)
    return found


def merged(records: list[Record]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for record in records:
        for key, value in record.items():
            if value is not None and kinds.get(key) != "float":
                kinds[key] = type(value).__name__
    return kinds


def keys_of(record: Record) -> list[tuple[str, str]]:
    return [(key, type(value).__name__) for key, value in record.items()]


def steps(feeds: list[Record]) -> Iterator[tuple[Record, Record, float]]:
    """Pairs of successive records of the same flight, and the seconds between them."""
    for before, after in pairwise(map(pilots_of, feeds)):
        for callsign in before.keys() & after.keys():
            one, two = before[callsign], after[callsign]
            if one["cid"] == two["cid"]:
                elapsed = datetime.fromisoformat(two["last_updated"]) - datetime.fromisoformat(
                    one["last_updated"]
                )
                yield one, two, elapsed.total_seconds()


def moved_nm(one: Record, two: Record) -> float:
    return distance_nm(one["latitude"], one["longitude"], two["latitude"], two["longitude"])


class TestMovement:
    def test_nobody_jumps_further_than_the_speed_allows(self, minutes: list[Record]) -> None:
        for one, two, seconds in steps(minutes):
            fastest = max(one["groundspeed"], two["groundspeed"]) + 1
            assert moved_nm(one, two) <= fastest * seconds / 3600 + 0.002

    def test_distance_agrees_with_the_reported_speed(self, minutes: list[Record]) -> None:
        paused = pairs = 0
        for one, two, seconds in steps(minutes):
            expected = (one["groundspeed"] + two["groundspeed"]) / 2 * seconds / 3600
            assert moved_nm(one, two) < expected + 0.06
            paused += moved_nm(one, two) < expected - 0.06
            pairs += 1
        assert 0 < paused < pairs * 0.01

    def test_vertical_rates_stay_within_what_aircraft_do(self, minutes: list[Record]) -> None:
        for one, two, seconds in steps(minutes):
            assert abs(two["altitude"] - one["altitude"]) / seconds * 60 < 3_800

    def test_aircraft_at_the_gate_stand_at_their_airport(self, network: Network) -> None:
        airports = busiest_airports()
        places = {icao: n for n, icao in enumerate(airports.icao)}
        boarding = 0
        for pilot in feed(network)["pilots"]:
            if pilot["groundspeed"] == 0 and pilot["flight_plan"]:
                plan = pilot["flight_plan"]
                ends = [places[plan[end]] for end in ("departure", "arrival")]
                away = min(
                    distance_nm(
                        pilot["latitude"],
                        pilot["longitude"],
                        airports.latitude[n],
                        airports.longitude[n],
                    )
                    for n in ends
                )
                assert away < 0.4
                assert pilot["altitude"] in {round(airports.elevation_ft[n]) for n in ends}
                boarding += 1
        assert boarding > 20

    def test_cruising_aircraft_stand_on_their_filed_level(self, network: Network) -> None:
        on_level = high = 0
        for pilot in feed(network)["pilots"]:
            if pilot["altitude"] > 25_000 and pilot["flight_plan"]:
                pressure_ft = pilot["altitude"] - (pilot["qnh_i_hg"] - 29.92) * 1_000
                on_level += abs(pressure_ft - filed_ft(pilot)) < 20
                high += 1
        assert high > 100
        assert on_level > high * 0.6

    def test_the_alternate_lies_near_the_destination(self, network: Network) -> None:
        for plan in (p["flight_plan"] for p in feed(network)["pilots"] if p["flight_plan"]):
            assert plan["alternate"] != plan["arrival"]
            if plan["arrival"] == "EGLL":
                assert plan["alternate"].startswith("EG")

    def test_flights_last_mostly_one_to_three_hours(self) -> None:
        network = Network(aircraft=1_000)
        plans = [p["flight_plan"] for p in feed(network)["pilots"] if p["flight_plan"]]
        times = [
            int(plan["enroute_time"][:2]) + int(plan["enroute_time"][2:]) / 60 for plan in plans
        ]
        assert sum(0.75 <= hours <= 3 for hours in times) > len(times) * 0.6
        assert max(times) > 8


def filed_ft(pilot: Record) -> int:
    altitude = pilot["flight_plan"]["altitude"]
    return int(altitude[2:]) * 100 if altitude.startswith("FL") else int(altitude)


class TestFlights:
    def test_a_flight_goes_through_all_stages_and_logs_off(self, hours: list[Record]) -> None:
        tracks: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for body in hours:
            for pilot in body["pilots"]:
                tracks[pilot["callsign"], pilot["cid"]].append(pilot)
        # Three feeds at either end, since a broken connection takes up to two minutes.
        cut = {(p["callsign"], p["cid"]) for n in (0, 1, 2, -3, -2, -1) for p in hours[n]["pilots"]}
        whole = [track for key, track in tracks.items() if key not in cut]
        assert len(whole) > 100
        for track in whole:
            heights = [p["altitude"] for p in track]
            top = heights.index(max(heights))
            assert track[0]["groundspeed"] == track[-1]["groundspeed"] == 0
            assert 3 < top < len(track) - 3
            assert moved_nm(track[0], track[-1]) > 30

    def test_the_next_flight_of_a_callsign_has_another_member(self, network: Network) -> None:
        cids = defaultdict(set)
        for hour in range(0, 24, 2):
            for pilot in feed(network, NOON + timedelta(hours=hour))["pilots"]:
                cids[pilot["callsign"]].add(pilot["cid"])
        assert max(map(len, cids.values())) > 3

    def test_some_connections_break_and_come_back(self, network: Network) -> None:
        seen: dict[tuple[str, int], tuple[str, datetime]] = {}
        gaps = []
        for n in range(120):
            at = NOON + n * TICK
            for pilot in feed(network, at)["pilots"]:
                key = pilot["callsign"], pilot["cid"]
                logon_time, last_at = seen.get(key, (pilot["logon_time"], at))
                if logon_time != pilot["logon_time"]:
                    gaps.append(at - last_at)
                seen[key] = pilot["logon_time"], at
        assert len(gaps) > 3
        assert all(timedelta(seconds=30) <= gap <= timedelta(seconds=140) for gap in gaps)

    def test_prefiled_flights_connect_with_the_same_plan(self, hours: list[Record]) -> None:
        filed = {(p["callsign"], p["cid"]): p["flight_plan"] for p in hours[0]["prefiles"]}
        connected = 0
        for pilot in [pilot for body in hours[:45] for pilot in body["pilots"]]:
            plan = filed.pop((pilot["callsign"], pilot["cid"]), None)
            if plan and pilot["flight_plan"]["revision_id"] == 1:
                assert pilot["flight_plan"]["route"] == plan["route"]
                connected += 1
        assert connected > 20
        assert not filed

    def test_plans_are_amended_and_codes_assigned(self, hours: list[Record]) -> None:
        amended = assigned = 0
        for one, two, _ in steps(hours):
            before, after = one["flight_plan"], two["flight_plan"]
            if before and before["revision_id"] < after["revision_id"]:
                assert before["route"] != after["route"] or after["flight_rules"] == "V"
                amended += 1
            if before and before["assigned_transponder"] == "0000" != after["assigned_transponder"]:
                assert one["transponder"] == "2000"
                assigned += 1
        assert amended > 10
        assert assigned > 100

    def test_some_fly_visually_and_some_without_plan(self, network: Network) -> None:
        plans = [pilot["flight_plan"] for pilot in feed(network)["pilots"]]
        assert 5 < plans.count(None) < 60
        visual = [plan for plan in plans if plan and plan["flight_rules"] == "V"]
        assert 5 < len(visual) < 100


class TestStations:
    def test_shifts_end_and_others_take_over(self, hours: list[Record]) -> None:
        cids = defaultdict(set)
        for body in hours:
            for controller in body["controllers"]:
                cids[controller["callsign"]].add(controller["cid"])
        assert max(map(len, cids.values())) > 1

    def test_atis_letters_advance(self, hours: list[Record]) -> None:
        letters = defaultdict(list)
        for body in hours[:120]:
            for station in body["atis"]:
                letters[station["callsign"]].append(station["atis_code"])
        turned = [n for seen in letters.values() for n in pairwise(seen) if n[0] != n[1]]
        assert turned
        assert all((ord(b) - ord(a)) % 26 == 1 for a, b in turned)

    def test_frequencies_are_channels(self) -> None:
        body = feed(Network(aircraft=3_000))
        stations = [c for c in body["controllers"] + body["atis"] if c["facility"]]
        for frequency in {station["frequency"] for station in stations}:
            khz = int(frequency.replace(".", ""))
            assert 118_000 <= khz < 137_000
            assert khz % 100 in {0, 25, 50, 75, 5, 10, 15, 30, 35, 40, 55, 60, 65, 80, 85, 90}
            assert khz not in {121_500, 122_800}


class TestTransceivers:
    def test_each_belongs_to_a_client_and_stands_where_it_is(self, network: Network) -> None:
        body = feed(network)
        pilots = pilots_of(body)
        stations = {c["callsign"] for c in body["controllers"]}
        for client in json.loads(network.transceivers(NOON)):
            assert client["callsign"] in pilots.keys() | stations
            for radio in client["transceivers"]:
                pilot = pilots.get(client["callsign"])
                if pilot:
                    assert radio["latDeg"] == pytest.approx(pilot["latitude"], abs=1e-5)
                    assert radio["lonDeg"] == pytest.approx(pilot["longitude"], abs=1e-5)
                    assert radio["heightMslM"] / 0.3048 == pytest.approx(pilot["altitude"], abs=0.6)

    def test_pilots_hear_controllers_in_range_and_else_unicom(self, network: Network) -> None:
        body = feed(network)
        radios = {c["callsign"]: c["transceivers"] for c in json.loads(network.transceivers(NOON))}
        antennas = defaultdict(list)
        for controller in body["controllers"]:
            for radio in radios.get(controller["callsign"], []):
                antennas[radio["frequency"]].append(radio)
                assert f"{radio['frequency'] / 1e6:.3f}" == controller["frequency"]
        contacts = 0
        for callsign in pilots_of(body).keys() & radios.keys():
            radio = radios[callsign][0]
            if radio["frequency"] == 122_800_000:
                continue
            nearest = min(
                distance_nm(radio["latDeg"], radio["lonDeg"], other["latDeg"], other["lonDeg"])
                for other in antennas[radio["frequency"]]
            )
            assert nearest < 251
            contacts += 1
        assert contacts > 40
