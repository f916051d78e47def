from collections.abc import Collection
from datetime import datetime

import pytest

from collector.identity import EarlierFlight, Flights
from collector.known import antenna, known
from collector.live import Place, Station
from collector.rules import Rules
from collector.sessions import Sessions
from collector.tunings import Tuning
from tests.unit.collector.factories import FEED_AT, controller, pilot


def tuning(latitude: float, longitude: float, frequency: int = 119_900_000) -> Tuning:
    return Tuning("EDDF_TWR", 0, frequency, latitude, longitude, 130.0, 20.0, FEED_AT)


class NoHistory:
    def earlier_flights(self, cids: Collection[int], since: datetime) -> list[EarlierFlight]:
        return []

    def top_speed_kt(self, flight_id: int, until: datetime) -> float:
        return 0.0


def test_an_antenna_is_the_mean_of_those_on_the_frequency():
    tunings = [tuning(50.0, 8.0), tuning(50.0, 10.0), tuning(-30.0, 100.0, 121_500_000)]
    place = antenna("119.900", tunings)
    assert place is not None
    assert place.lon == pytest.approx(9.0)
    assert place.lat == pytest.approx(50.0043, abs=1e-3)  # on the sphere, not on the map


def test_noise_of_a_few_hertz_is_the_same_frequency():
    here, elsewhere = tuning(50.0, 8.0, 119_900_012), tuning(10.0, 8.0, 121_500_000)
    assert antenna("119.900", [here, elsewhere]) == Place(50.0, 8.0)


@pytest.mark.parametrize("frequency", ["199.998", "", "tower"])
def test_without_one_on_the_frequency_all_antennas_count(frequency):
    assert antenna(frequency, [tuning(50.0, 8.0), tuning(50.0, 8.0)]) == Place(50.0, 8.0)


def test_antennas_on_both_sides_of_the_date_line_meet_there():
    place = antenna("119.900", [tuning(-17.0, 179.0), tuning(-17.0, -179.0)])
    assert place is not None
    assert abs(place.lon) == 180


def test_without_radios_there_is_no_antenna():
    assert antenna("119.900", []) is None


def test_flights_and_stations_are_found_by_cid_and_callsign():
    flights, sessions = Flights(Rules()), Sessions(Rules())
    flier, station = pilot(cid=9_000_001, callsign="TST1"), controller(cid=9_000_002)
    flights.advance(FEED_AT, {(flier.cid, flier.callsign): flier}, {}, NoHistory())
    sessions.advance(FEED_AT, {(station.cid, station.callsign): station})
    flights.open[9_000_001, "TST1"].id = 7
    sessions.open[9_000_002, "EDDF_TWR"].id = 8

    learned = known(
        flights.open.values(),
        sessions.open.values(),
        {"EDDF_TWR": {0: tuning(50.0, 8.0)}},
        erased=[-5],
    )

    assert learned.flight_ids() == {(9_000_001, "TST1"): 7}
    assert learned.stations() == {(9_000_002, "EDDF_TWR"): Station(8, Place(50.0, 8.0))}
    assert learned.erased == [-5]
