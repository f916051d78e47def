"""The feed's records of pilots and prefiles, written fast enough for 100,000 of them.

The greater part of a record is its plan, which hardly ever changes. It is written once and kept; a
snapshot only puts in the numbers that move. What is kept never changes a result.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from collector.simulation.airports import Airports
from collector.simulation.chance import Chance
from collector.simulation.columns import Floats, Integers
from collector.simulation.filing import Filing, flight_plan
from collector.simulation.fleet import airline_callsign, light_callsign
from collector.simulation.flights import Bookings, Moment
from collector.simulation.people import made_up_name
from collector.simulation.radio import FT_PER_M
from collector.simulation.times import TICKS_PER_S, exact_time, second
from collector.simulation.timetable import Timetable
from collector.simulation.weather import HPA_PER_INHG

_PILOT = (
    b'%b,"latitude":%a,"longitude":%a,"altitude":%d,"groundspeed":%d,"transponder":"%04o",'
    b'"heading":%d,"qnh_i_hg":%a,"qnh_mb":%d,"flight_plan":%b,"last_updated":"%b.%07dZ"}'
)
_PREFILE = b'%b,"flight_plan":%b,"last_updated":"%b"}'
_PLACE = b'"latDeg":%a,"lonDeg":%a,"heightMslM":%a,"heightAglM":%a}'
_ONE_RADIO = b'{"callsign":"%b","transceivers":[{"id":0,"frequency":%d,%b]}'
_TWO_RADIOS = _ONE_RADIO[:-2] + b',{"id":1,"frequency":121500000,%b]}'
_RATINGS = (0, 0, 0, 0, 1, 1, 3, 7, 15, 63)

# Writes the two lasting texts of the rows with these numbers.
Writer = Callable[[Integers], Iterable[tuple[bytes, bytes]]]


class _Kept:
    """Two texts for each slot, written anew when what they depend on has changed."""

    def __init__(self, slots: int) -> None:
        self._keys = np.full(slots, -1, dtype=np.int64)
        self._texts = np.empty((slots, 2), dtype=object)

    def texts(self, slots: Integers, keys: Integers, write: Writer) -> list[list[bytes]]:
        """The texts of `slots`; `keys` tell what they depend on, from 0."""
        changed = np.flatnonzero(self._keys[slots] != keys)
        for slot, texts in zip(slots[changed].tolist(), write(changed), strict=True):
            self._texts[slot] = texts
        self._keys[slots[changed]] = keys[changed]
        columns: list[list[bytes]] = self._texts[slots].T.tolist()
        return columns


class PilotRecords:
    """Writes the records of one network's flights."""

    def __init__(self, chance: Chance, airports: Airports, timetable: Timetable) -> None:
        self._chance = chance
        self._airports = airports
        self._timetable = timetable
        self._pilots = _Kept(len(timetable.period_s))
        self._prefiles = _Kept(len(timetable.period_s))
        self._callsigns = [
            light_callsign(leg) if light else airline_callsign(leg)
            for leg, light in enumerate(timetable.legs.light.tolist())
        ]

    def pilots(self, moment: Moment) -> list[bytes]:
        """The records of all aircraft online."""
        flight = moment.flight
        # All that the kept texts depend on: flight, revision, connection, assigned code or none.
        state = moment.revision_id * 4 + (moment.logon_s > flight.began_s) * 2
        keys = flight.serial * 16 + state + (moment.assigned > 0)
        heads, tails = self._pilots.texts(
            flight.slot, keys, lambda rows: self._write_pilots(moment, rows)
        )
        seconds, fraction = np.divmod(moment.updated_ticks, TICKS_PER_S)
        texts = {moment_s: second(moment_s).encode() for moment_s in np.unique(seconds).tolist()}
        rows = zip(
            heads,
            np.round(moment.latitude, 5).tolist(),
            np.round(moment.longitude, 5).tolist(),
            _whole(moment.altitude_ft),
            _whole(moment.groundspeed_kt),
            moment.transponder.tolist(),
            _whole(np.round(moment.heading_deg) % 360),
            np.round(moment.qnh_inhg, 2).tolist(),
            _whole(moment.qnh_inhg * HPA_PER_INHG),
            tails,
            map(texts.__getitem__, seconds.tolist()),
            fraction.tolist(),
            strict=True,
        )
        return [_PILOT % row for row in rows]

    def prefiles(self, bookings: Bookings, filed_ticks: Integers) -> list[bytes]:
        """The records of plans whose members are not online yet."""

        def write(rows: Integers) -> Iterator[tuple[bytes, bytes]]:
            flight, ticks = bookings.take(rows), filed_ticks[rows].tolist()
            plans = self._plans(flight, np.ones_like(rows), np.zeros_like(rows))
            for person, plan, filed in zip(self._people(flight), plans, ticks, strict=True):
                yield _PREFILE % (person, plan, exact_time(filed).encode()), b""

        return self._prefiles.texts(bookings.slot, bookings.serial, write)[0]

    def transceivers(self, moment: Moment, hz: Integers, field_height_ft: Floats) -> list[bytes]:
        """The radios of all aircraft whose member speaks; some listen to 121.5 MHz besides."""
        flight = moment.flight
        silent = self._chance.happens("text only", flight.cid, 0.04)
        two = self._chance.happens("second radio", flight.cid, 0.35)
        rows = zip(
            flight.leg.tolist(),
            hz.tolist(),
            np.round(moment.latitude, 6).tolist(),
            np.round(moment.longitude, 6).tolist(),
            np.round(moment.altitude_ft / FT_PER_M, 3).tolist(),
            np.round(field_height_ft / FT_PER_M, 3).tolist(),
            silent.tolist(),
            two.tolist(),
            strict=True,
        )
        return [
            self._radios(leg, frequency, _PLACE % tuple(place), both)
            for leg, frequency, *place, mute, both in rows
            if not mute
        ]

    def _radios(self, leg: int, frequency: int, place: bytes, two: bool) -> bytes:
        callsign = self._callsigns[leg].encode()
        if two:
            return _TWO_RADIOS % (callsign, frequency, place, place)
        return _ONE_RADIO % (callsign, frequency, place)

    def _write_pilots(self, moment: Moment, rows: Integers) -> Iterator[tuple[bytes, bytes]]:
        flight = moment.flight.take(rows)
        rating = self._chance.whole("pilot rating", flight.cid, 0, len(_RATINGS))
        columns = (
            np.array(_RATINGS)[rating].tolist(),
            self._chance.happens("military", flight.cid, 0.03).tolist(),
            self._chance.whole("server", flight.cid, 1, 4).tolist(),
            moment.logon_s[rows].tolist(),
        )
        people = self._people(flight)
        plans = self._plans(flight, moment.revision_id[rows], moment.assigned[rows])
        for person, plan, rank, arms, server, logon_s in zip(people, plans, *columns, strict=True):
            head = b'%b,"server":"SIMULATED-%d","pilot_rating":%d,"military_rating":%d'
            tail = b'%b,"logon_time":"%bZ"' % (plan, second(logon_s).encode())
            yield head % (person, server, rank, arms), tail

    def _people(self, flight: Bookings) -> Iterator[bytes]:
        """The beginning of each record: cid, name and callsign."""
        bits = self._chance.bits("name", flight.cid).tolist()
        homes = self._names(self._timetable.legs.origin[flight.leg])
        for cid, leg, number, home in zip(
            flight.cid.tolist(), flight.leg.tolist(), bits, homes, strict=True
        ):
            name = made_up_name(number, cid, home).encode()
            callsign = self._callsigns[leg].encode()
            yield b'{"cid":%d,"name":"%b","callsign":"%b"' % (cid, name, callsign)

    def _plans(
        self, flight: Bookings, revision_id: Integers, assigned: Integers
    ) -> Iterator[bytes]:
        """The plan of each flight, `null` where it has none."""
        table, legs, leg = self._timetable, self._timetable.legs, flight.leg
        filings = map(
            Filing,
            self._chance.bits("plan", flight.serial).tolist(),
            legs.light[leg].tolist(),
            legs.type[leg].tolist(),
            map(self._callsigns.__getitem__, leg.tolist()),
            self._names(legs.origin[leg]),
            self._names(legs.destination[leg]),
            self._names(self._airports.nearest[legs.destination[leg]]),
            table.filed_ft[leg].tolist(),
            legs.length_nm[leg].tolist(),
            (flight.began_s + table.boarding_s[leg].astype(int)).tolist(),
            table.block_s[leg].astype(int).tolist(),
            revision_id.tolist(),
            assigned.tolist(),
        )
        for filing, planned in zip(filings, legs.planned[leg].tolist(), strict=True):
            yield flight_plan(filing) if planned else b"null"

    def _names(self, airports: Integers) -> Iterator[str]:
        return map(self._airports.icao.__getitem__, airports.tolist())


def _whole(values: Floats) -> list[int]:
    whole: list[int] = np.round(values).astype(int).tolist()
    return whole
