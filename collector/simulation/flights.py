"""Where every aircraft of the timetable is at one moment.

Each client sends its position every 5 s at a beat of its own, so a record shows the aircraft as it
was up to 5 s before the feed. All that is here follows from timetable and time alone.
"""

from dataclasses import dataclass

import numpy as np

from collector.simulation.airports import Airports
from collector.simulation.chance import Chance
from collector.simulation.columns import Flags, Floats, Integers
from collector.simulation.sphere import ahead, travel
from collector.simulation.times import TICKS_PER_S
from collector.simulation.timetable import MEMBERS_PER_SLOT, Timetable
from collector.simulation.weather import pressure_inhg, true_altitude_ft

REPORT_TICKS = 5 * TICKS_PER_S
FIRST_PILOT_CID = 9_000_000  # far above those that VATSIM has given out

_VISUAL_SQUAWK, _AMERICAN_VISUAL_SQUAWK, _INSTRUMENT_SQUAWK = 0o7000, 0o1200, 0o2000
_LOWEST_SQUAWK, _END_OF_SQUAWKS = 0o0101, 0o7400  # below the emergency codes


@dataclass(frozen=True)
class Bookings:
    """Flights by slot, one row each; `serial` numbers all flights that ever are.

    `began_s` is when the member connects for the first time on this flight, in s after 1970.
    """

    slot: Integers
    leg: Integers
    serial: Integers
    cid: Integers
    began_s: Integers

    def take(self, wanted: Flags | Integers) -> "Bookings":
        """The wanted rows, by flag or number."""
        return Bookings(
            self.slot[wanted],
            self.leg[wanted],
            self.serial[wanted],
            self.cid[wanted],
            self.began_s[wanted],
        )


@dataclass(frozen=True)
class Moment:
    """The aircraft online at a moment, one row each, in the order of their slots.

    `updated_ticks` counts 100 ns since 1970; `assigned` is the transponder code that a controller
    gave, 0 before; `segment` indexes `profile.SEGMENTS`; `flown_nm` counts from the gate.
    """

    flight: Bookings
    logon_s: Integers
    updated_ticks: Integers
    segment: Integers
    latitude: Floats
    longitude: Floats
    heading_deg: Floats
    altitude_ft: Floats
    groundspeed_kt: Floats
    qnh_inhg: Floats
    flown_nm: Floats
    transponder: Integers
    assigned: Integers
    revision_id: Integers


class Flights:
    """The flights of one timetable, at any time."""

    def __init__(self, chance: Chance, timetable: Timetable, airports: Airports) -> None:
        self._chance = chance
        self._timetable = timetable
        self._slots = np.arange(len(timetable.period_s))
        self._beat = chance.whole("beat", self._slots, 0, REPORT_TICKS)
        self._direction = ahead(timetable.legs.start, timetable.legs.end)
        visual = np.where(
            airports.american[timetable.legs.origin], _AMERICAN_VISUAL_SQUAWK, _VISUAL_SQUAWK
        )
        self._own_squawk = np.where(timetable.legs.light, visual, _INSTRUMENT_SQUAWK)

    def at(self, ticks: int) -> Moment:
        """The aircraft online `ticks` (100 ns) after 1970."""
        updated = self._updated(ticks)
        flight, _ = self._bookings(updated)
        elapsed_s = (updated - flight.began_s * TICKS_PER_S) / TICKS_PER_S
        connected_s, online = self._connections(flight, elapsed_s)
        return self._moment(
            flight.take(online), elapsed_s[online], connected_s[online], updated[online]
        )

    def prefiles(self, ticks: int) -> tuple[Bookings, Integers]:
        """Flights whose plan was filed before their member connects, and when (in ticks)."""
        updated = self._updated(ticks)
        _, coming = self._bookings(updated)
        lead_s = self._chance.uniform("filed before", coming.cid, 300, 2_400)
        filed = coming.began_s * TICKS_PER_S - (lead_s * TICKS_PER_S).astype(np.int64)
        prefiled = self._chance.happens("prefile", coming.cid, 0.5)
        shown = prefiled & self._timetable.legs.planned[coming.leg] & (filed <= updated)
        return coming.take(shown), filed[shown]

    def _updated(self, ticks: int) -> Integers:
        """When each slot's client last reported, in ticks."""
        return (ticks - self._beat) // REPORT_TICKS * REPORT_TICKS + self._beat

    def _bookings(self, updated: Integers) -> tuple[Bookings, Bookings]:
        """Each slot's flight of that time, online or just over, and the one after it."""
        table = self._timetable
        since_s = updated // TICKS_PER_S - table.offset_s
        turn = since_s // table.period_s
        back = since_s - turn * table.period_s >= table.back_s
        return self._booking(turn * 2 + back), self._booking(turn * 2 + back + 1)

    def _booking(self, number: Integers) -> Bookings:
        """Of each slot the flight with that number; even ones lead away from home."""
        table = self._timetable
        turn, back = number // 2, number % 2
        count = len(self._slots)
        return Bookings(
            slot=self._slots,
            leg=self._slots * 2 + back,
            serial=number * count + self._slots,
            cid=FIRST_PILOT_CID + number % MEMBERS_PER_SLOT * count + self._slots,
            began_s=table.offset_s + turn * table.period_s + back * table.back_s,
        )

    def _connections(self, flight: Bookings, elapsed_s: Floats) -> tuple[Integers, Flags]:
        """Begin of the current connection (s after the first one's), and who is online.

        Some members lose the connection once, for 30 to 120 s; their aircraft flies on.
        """
        online_s = self._timetable.online_s[flight.leg]
        loses = self._chance.happens("loss", flight.cid, 0.06)
        lost_s = self._chance.uniform("lost at", flight.cid, 0.05, 0.95) * online_s
        back_s = np.ceil(lost_s + self._chance.uniform("lost for", flight.cid, 30, 119))
        away = loses & (elapsed_s >= lost_s) & (elapsed_s < back_s)
        connected_s = np.where(loses & (elapsed_s >= back_s), back_s, 0).astype(np.int64)
        return connected_s, (elapsed_s < online_s) & ~away

    def _moment(
        self, flight: Bookings, elapsed_s: Floats, connected_s: Integers, updated: Integers
    ) -> Moment:
        table, leg = self._timetable, flight.leg
        paused_s = np.clip(elapsed_s - table.pause_at_s[leg], 0, table.pause_s[leg])
        segment, speed, flown_ft, flown_nm = table.profile.state(leg, elapsed_s - paused_s)
        latitude, longitude, heading = travel(table.legs.start[leg], self._direction[leg], flown_nm)
        qnh = pressure_inhg(latitude, longitude, updated / TICKS_PER_S)
        assigned, transponder = self._squawks(flight, elapsed_s)
        return Moment(
            flight=flight,
            logon_s=flight.began_s + connected_s,
            updated_ticks=updated,
            segment=segment,
            latitude=latitude,
            longitude=longitude,
            heading_deg=heading,
            altitude_ft=true_altitude_ft(flown_ft, qnh),
            groundspeed_kt=speed,
            qnh_inhg=qnh,
            flown_nm=flown_nm,
            transponder=transponder,
            assigned=assigned,
            revision_id=self._revisions(flight, elapsed_s),
        )

    def _squawks(self, flight: Bookings, elapsed_s: Floats) -> tuple[Integers, Integers]:
        """The code assigned so far, and the one set: most instrument flights get one at the gate.

        A pilot takes 20 s to set it.
        """
        chance, leg = self._chance, flight.leg
        legs, boarding_s = self._timetable.legs, self._timetable.boarding_s[leg]
        gets_one = chance.happens("squawk", flight.cid, 0.8) & legs.planned[leg] & ~legs.light[leg]
        given_s = chance.uniform("squawk at", flight.cid, 0.4, 0.9) * boarding_s
        code = chance.whole("squawk code", flight.serial, _LOWEST_SQUAWK, _END_OF_SQUAWKS)
        assigned = np.where(gets_one & (elapsed_s >= given_s), code, 0)
        is_set = gets_one & (elapsed_s >= given_s + 20)
        return assigned, np.where(is_set, code, self._own_squawk[leg])

    def _revisions(self, flight: Bookings, elapsed_s: Floats) -> Integers:
        """The plan's revision: some members amend their route once."""
        amends = self._chance.happens("amendment", flight.cid, 0.15)
        share = self._chance.uniform("amended at", flight.cid, 0.02, 0.6)
        amended = amends & (elapsed_s >= share * self._timetable.online_s[flight.leg])
        return 1 + amended.astype(np.int64)
