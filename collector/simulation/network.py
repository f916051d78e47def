"""A whole made-up network as the two JSON files of VATSIM's feed.

A file is a function of seed, number of aircraft and time of the feed: the same arguments give the
same bytes, in whatever order they are asked for.
"""

from datetime import UTC, datetime

import msgspec
import numpy as np

from collector.simulation.airports import busiest_airports
from collector.simulation.chance import Chance
from collector.simulation.controllers import (
    atis_record,
    controller_record,
    has_atis,
    transceivers_record,
)
from collector.simulation.flights import Flights
from collector.simulation.pilots import PilotRecords
from collector.simulation.radio import height_above_field_ft, tuned_hz
from collector.simulation.reference import reference_lists, servers
from collector.simulation.stations import Stations
from collector.simulation.times import TICKS_PER_S, exact_time, ticks_of
from collector.simulation.timetable import draw_timetable

FEWEST_AIRCRAFT, MOST_AIRCRAFT = 10, 100_000

_AIRCRAFT_PER_CONTROLLER = 25


class Network:
    """A network with about `aircraft` aircraft online at any time; not safe for threads."""

    def __init__(self, seed: int = 1, aircraft: int = 500) -> None:
        """Lay out the timetable, which takes about 15 µs for each aircraft.

        Raises ValueError for a number of aircraft out of 10 to 100,000.
        """
        if not FEWEST_AIRCRAFT <= aircraft <= MOST_AIRCRAFT:
            reason = f"aircraft must be from {FEWEST_AIRCRAFT} to {MOST_AIRCRAFT}, not {aircraft}"
            raise ValueError(reason)
        chance = Chance(seed)
        self._airports = busiest_airports()
        self._timetable = draw_timetable(chance, self._airports, aircraft)
        self._flights = Flights(chance, self._timetable, self._airports)
        self._pilots = PilotRecords(chance, self._airports, self._timetable)
        self._stations = Stations(chance, self._airports, aircraft // _AIRCRAFT_PER_CONTROLLER)

    def data(self, feed_at: datetime) -> bytes:
        """The body of `vatsim-data.json` at an aware time."""
        ticks = ticks_of(feed_at)
        moment = self._flights.at(ticks)
        duties = self._stations.on_duty(ticks // TICKS_PER_S)
        atis = [duty for duty in duties if has_atis(duty)]
        pilots = self._pilots.pilots(moment)
        cids = np.concatenate([moment.flight.cid, [duty.cid for duty in duties]])
        general = {
            "version": 3,
            "reload": 1,
            "update": f"{feed_at.astimezone(UTC):%Y%m%d%H%M%S}",
            "update_timestamp": exact_time(ticks),
            "connected_clients": len(pilots) + len(duties) + len(atis),
            "unique_users": len(np.unique(cids)),
        }
        return (
            b'{"general":%b,"pilots":%b,"controllers":%b,"atis":%b,"servers":%b,"prefiles":%b,%b'
            % (
                msgspec.json.encode(general),
                _array(pilots),
                msgspec.json.encode(
                    [controller_record(duty, self._airports, ticks) for duty in duties]
                ),
                msgspec.json.encode([atis_record(duty, self._airports, ticks) for duty in atis]),
                msgspec.json.encode(servers()),
                _array(self._pilots.prefiles(*self._flights.prefiles(ticks))),
                msgspec.json.encode(reference_lists())[1:],
            )
        )

    def transceivers(self, feed_at: datetime) -> bytes:
        """The body of `transceivers-data.json` at an aware time."""
        ticks = ticks_of(feed_at)
        moment = self._flights.at(ticks)
        duties = self._stations.on_duty(ticks // TICKS_PER_S)
        legs = self._timetable.legs
        pilots = self._pilots.transceivers(
            moment,
            tuned_hz(moment, legs, self._airports, duties),
            height_above_field_ft(moment, legs, self._airports),
        )
        controllers = [
            msgspec.json.encode(transceivers_record(duty, self._airports))
            for duty in duties
            if duty.position.antennas
        ]
        return _array(pilots + controllers)


def _array(records: list[bytes]) -> bytes:
    return b"[%b]" % b",".join(records)
