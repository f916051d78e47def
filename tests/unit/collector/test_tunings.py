from datetime import timedelta

import msgspec
import pytest

from collector.records import Transceiver
from collector.rules import Rules
from collector.tunings import MOST_RADIOS, TuningChanges, Tunings
from tests.unit.collector.factories import FEED_AT, body, radio_json

NM = 1 / 60  # a degree of latitude has 60


def radio(**values) -> Transceiver:
    return msgspec.json.decode(body(radio_json(**values)), type=Transceiver)


class Tuned:
    """Radios of one callsign, feed by feed."""

    def __init__(self, *, is_station: bool = True) -> None:
        self.tunings = Tunings(Rules())
        self.at = FEED_AT
        self.stations = {"EDDF_TWR"} if is_station else set()

    def feed(self, *radios: Transceiver, after: float = 15) -> TuningChanges:
        self.at += timedelta(seconds=after)
        clients = {"EDDF_TWR": list(radios)} if radios else {}
        return self.tunings.advance(self.at, clients, self.stations)


def test_a_tuning_lasts_from_the_first_to_the_last_feed_that_has_it():
    tuned = Tuned()
    [began] = tuned.feed(radio()).began
    first = tuned.at
    assert tuned.feed(radio()) == TuningChanges()
    last = tuned.at
    assert tuned.feed().ended == [began]
    assert (began.since_at, began.until_at) == (first, last)
    assert tuned.tunings.current == {}


def test_another_frequency_ends_a_tuning_and_begins_one():
    tuned = Tuned()
    [old] = tuned.feed(radio(frequency=119_900_000)).began
    last = tuned.at
    changes = tuned.feed(radio(frequency=118_000_000))
    assert changes.ended == [old]
    assert old.until_at == last
    assert [(new.frequency, new.since_at) for new in changes.began] == [(118_000_000, tuned.at)]


@pytest.mark.parametrize("is_station", [True, False])
def test_a_few_hertz_of_noise_are_no_change(is_station):
    tuned = Tuned(is_station=is_station)
    tuned.feed(radio(frequency=122_800_000))
    for noise in (12, -3, 1, 0):
        assert tuned.feed(radio(frequency=122_800_000 + noise)) == TuningChanges()


@pytest.mark.parametrize("is_station", [True, False])
def test_channels_are_5_khz_apart(is_station):
    tuned = Tuned(is_station=is_station)
    tuned.feed(radio(frequency=118_000_000))
    assert len(tuned.feed(radio(frequency=118_005_000)).began) == 1


def test_a_stations_antenna_that_moves_over_half_a_mile_begins_a_new_tuning():
    tuned = Tuned()
    [old] = tuned.feed(radio(latDeg=50.0)).began
    assert tuned.feed(radio(latDeg=50.0 + 0.4 * NM)) == TuningChanges()
    changes = tuned.feed(radio(latDeg=50.0 + 0.6 * NM))
    assert changes.ended == [old]
    assert changes.began[0].latitude == 50.0 + 0.6 * NM


def test_a_creeping_antenna_is_measured_from_where_its_tuning_began():
    tuned = Tuned()
    tuned.feed(radio(latDeg=50.0))
    began = [tuned.feed(radio(latDeg=50.0 + i * 0.3 * NM)).began for i in (1, 2)]
    assert [len(tunings) for tunings in began] == [0, 1]


def test_a_pilots_antenna_moves_with_the_aircraft():
    tuned = Tuned(is_station=False)
    tuned.feed(radio(latDeg=50.0))
    assert tuned.feed(radio(latDeg=51.0)) == TuningChanges()


def test_radios_come_and_go_by_themselves():
    tuned = Tuned()
    tuned.feed(radio(id=0))
    [second] = tuned.feed(radio(id=0), radio(id=1)).began
    assert second.radio == 1
    assert tuned.feed(radio(id=0)).ended == [second]


def test_the_same_frequency_twice_is_two_radios():
    assert len(Tuned().feed(radio(id=0), radio(id=1)).began) == 2


def test_a_radio_id_twice_in_a_feed_is_one_tuning():
    tuned = Tuned()
    assert len(tuned.feed(radio(id=0), radio(id=0, frequency=118_000_000)).began) == 1


def test_an_empty_list_of_radios_ends_all():
    tuned = Tuned()
    [began] = tuned.feed(radio()).began
    changes = tuned.tunings.advance(tuned.at + timedelta(seconds=15), {"EDDF_TWR": []}, set())
    assert changes.ended == [began]


def test_the_number_of_radios_is_bounded():
    assert len(Tuned().feed(*(radio(id=i) for i in range(1000))).began) == MOST_RADIOS


def test_a_gap_of_two_hours_is_bridged_and_a_longer_one_is_not():
    tuned = Tuned()
    [old] = tuned.feed(radio()).began
    assert tuned.feed(radio(), after=7200) == TuningChanges()
    last = tuned.at
    changes = tuned.feed(radio(), after=7201)
    assert changes.ended == [old]
    assert old.until_at == last
    assert [new.since_at for new in changes.began] == [tuned.at]


def test_restored_tunings_go_on():
    tuned = Tuned()
    [began] = tuned.feed(radio()).began
    tuned.tunings = Tunings(Rules(), tuned.at, [began])
    assert tuned.feed(radio()) == TuningChanges()
    assert tuned.feed().ended == [began]
