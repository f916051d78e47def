"""Who flies where and when, for ever.

Each aircraft has a *slot*: two airports between which it goes there and back without end. Its two
legs take fixed times, so which flight it is on at any moment follows by division. Each flight has
another made-up member, who comes back to the slot after `MEMBERS_PER_SLOT` flights.
"""

from dataclasses import dataclass

import numpy as np

from collector.simulation.airports import Airports
from collector.simulation.chance import Chance
from collector.simulation.columns import Flags, Floats, Integers
from collector.simulation.fleet import LIGHT, TYPES, types_for
from collector.simulation.profile import CRUISE, Profile, Trip, build_profile
from collector.simulation.sphere import distances_nm, unit_vectors

MEMBERS_PER_SLOT = 16
# Trips by length: this share of the slots is at most so long. Most flights last 1 to 3 hours.
_SHARES = [0.0, 0.08, 0.30, 0.55, 0.75, 0.90, 0.97, 1.0]
_LENGTHS_NM = [90, 180, 330, 520, 850, 1_500, 3_200, 6_300]
_SHORTEST_NM = 35
_LONGEST_VISUAL_NM = 200
_ROOM_FT_PER_NM = 80  # no type climbs and descends through more on a mile of its trip


@dataclass(frozen=True)
class Legs:
    """Columns of legs: the even row of a slot leads away from its home, the odd one back.

    `light` ones fly by visual rules, `planned` ones have a flight plan; `start` and `end` are gates
    as unit vectors.
    """

    origin: Integers
    destination: Integers
    type: Integers
    light: Flags
    planned: Flags
    start: Floats
    end: Floats
    length_nm: Floats

    def __len__(self) -> int:
        """How many legs there are."""
        return len(self.origin)


@dataclass(frozen=True)
class Timetable:
    """The legs with their times.

    By slot: `offset_s`, when a round begins (after 1970, modulo the period); `back_s`, when in the
    round the way back begins; `period_s`, how long a round is. By leg: `filed_ft`, the level of
    its plan; `online_s`, how long its member is logged on; `pause_at_s` and `pause_s`, when and how
    long the simulator stands still.
    """

    legs: Legs
    filed_ft: Integers
    profile: Profile
    offset_s: Integers
    back_s: Integers
    period_s: Integers
    online_s: Floats
    pause_at_s: Floats
    pause_s: Floats

    @property
    def boarding_s(self) -> Floats:
        """From logon to off-block, by leg."""
        return self.profile.at_s[:, 1]

    @property
    def block_s(self) -> Floats:
        """From off-block to on-block, by leg."""
        return self.profile.at_s[:, -2] - self.profile.at_s[:, 1]


def draw_timetable(chance: Chance, airports: Airports, aircraft: int) -> Timetable:
    """As many slots as keep about `aircraft` of them online at any time."""
    # A slot is empty for some minutes of an hour at least, so a third more is ample.
    ample = _time(chance, airports, _draw_legs(chance, airports, aircraft * 4 // 3 + 4))
    online_share = ample.online_s.reshape(-1, 2).sum(axis=1) / ample.period_s
    slots = 1 + int(np.searchsorted(np.cumsum(online_share), aircraft))
    return _time(chance, airports, _draw_legs(chance, airports, slots))


def _draw_legs(chance: Chance, airports: Airports, slots: int) -> Legs:
    ids = np.arange(slots)
    busy = np.cumsum(1 / (np.arange(len(airports.icao)) + 8))
    home = np.searchsorted(busy / busy[-1], chance.uniform("home", ids), side="right")
    light = chance.happens("light", ids, 0.12)
    wanted_nm = np.interp(chance.uniform("length", ids), _SHARES, _LENGTHS_NM)
    wanted_nm = np.where(light, chance.uniform("hop", ids, 40, 130), wanted_nm)
    away, distance_nm = _airports_at(airports, home, wanted_nm)
    light &= distance_nm < _LONGEST_VISUAL_NM
    types = types_for(light, distance_nm, chance.uniform("type", ids))
    return _pair_legs(chance, airports, (home, away), types, light)


def _airports_at(airports: Airports, home: Integers, wanted_nm: Floats) -> tuple[Integers, Floats]:
    """For each home the airport whose distance is nearest to the wanted one, and that distance."""
    away, length_nm = np.zeros_like(home), np.zeros_like(wanted_nm)
    for place in np.unique(home):
        distance = distances_nm(airports.vectors[place], airports.vectors)
        distance[distance < _SHORTEST_NM] = np.inf
        mine = np.flatnonzero(home == place)
        away[mine] = np.abs(distance - wanted_nm[mine, None]).argmin(axis=1)
        length_nm[mine] = distance[away[mine]]
    return away, length_nm


def _pair_legs(
    chance: Chance,
    airports: Airports,
    ends: tuple[Integers, Integers],
    types: Integers,
    light: Flags,
) -> Legs:
    home, away = ends
    origin, destination = np.stack([home, away], 1).ravel(), np.stack([away, home], 1).ravel()
    types, light = np.repeat(types, 2), np.repeat(light, 2)
    start = _gates(chance, "departure gate", airports, origin)
    end = _gates(chance, "arrival gate", airports, destination)
    return Legs(
        origin=origin,
        destination=destination,
        type=types,
        light=light,
        planned=~chance.happens("no plan", np.arange(len(origin)), 0.05),
        start=start,
        end=end,
        length_nm=distances_nm(start, end),
    )


def _gates(chance: Chance, what: str, airports: Airports, at: Integers) -> Floats:
    """Gates up to half a kilometre from the reference points of airports, as unit vectors."""
    legs = np.arange(len(at))
    latitude = airports.latitude[at]
    north = chance.uniform(f"{what}, north", legs, -0.0035, 0.0035)
    east = chance.uniform(f"{what}, east", legs, -0.0035, 0.0035) / np.cos(np.radians(latitude))
    return unit_vectors(latitude + north, airports.longitude[at] + east)


def _levels(chance: Chance, airports: Airports, legs: Legs) -> Integers:
    """Filed levels in feet: odd thousands eastbound, even ones westbound; visual ones plus 500."""
    ends = np.stack([legs.origin, legs.destination])
    field_ft = airports.elevation_ft[ends].max(axis=0)
    lower_ft = 2_000 * chance.whole("lower", np.arange(len(legs)), 0, 3)
    highest_ft = np.minimum(
        _of_types("ceiling_ft", legs.type) - lower_ft, field_ft + _ROOM_FT_PER_NM * legs.length_nm
    )
    turn_deg = np.diff(airports.longitude[ends], axis=0)[0]
    odd = np.where((turn_deg + 180) % 360 > 180, 1_000, 0)
    instrument = np.floor((highest_ft - odd) / 2_000) * 2_000 + odd
    visual = np.floor((highest_ft - 500) / 1_000) * 1_000 + 500
    lowest_ft = np.ceil((field_ft + 1_200) / 500) * 500
    levels: Floats = np.maximum(np.where(legs.light, visual, instrument), lowest_ft)
    return levels.astype(np.int64)


def _of_types(name: str, types: Integers) -> Floats:
    """A figure of `AircraftType` for each of the types."""
    return np.array([float(getattr(one, name)) for one in TYPES])[types]


def _time(chance: Chance, airports: Airports, legs: Legs) -> Timetable:
    ids = np.arange(len(legs))
    filed_ft = _levels(chance, airports, legs)
    profile = build_profile(_trip(chance, airports, legs, filed_ft))
    pauses = chance.happens("pause", ids, 0.015)
    pause_s = np.where(pauses, chance.uniform("pause length", ids, 300, 1_500), 0.0)
    online_s = profile.at_s[:, -1] + pause_s
    legs_s = np.ceil(online_s + chance.uniform("gap", ids, 60, 300)).astype(np.int64)
    period_s = legs_s.reshape(-1, 2).sum(axis=1)
    return Timetable(
        legs=legs,
        filed_ft=filed_ft,
        profile=profile,
        offset_s=np.floor(chance.uniform("offset", ids[::2]) * period_s).astype(np.int64),
        back_s=legs_s[::2],
        period_s=period_s,
        online_s=online_s,
        pause_at_s=profile.at_s[:, [CRUISE, CRUISE + 1]].mean(axis=1),
        pause_s=pause_s,
    )


def _trip(chance: Chance, airports: Airports, legs: Legs, filed_ft: Integers) -> Trip:
    ids = np.arange(len(legs))
    wind_kt = np.where(_of_types("size", legs.type) == LIGHT, 12, 45)
    return Trip(
        distance_nm=legs.length_nm,
        departure_ft=airports.elevation_ft[legs.origin],
        arrival_ft=airports.elevation_ft[legs.destination],
        cruise_ft=filed_ft.astype(float),
        cruise_kt=_of_types("tas", legs.type) + wind_kt * chance.uniform("wind", ids, -1, 1),
        lift_off_kt=_of_types("lift_off_kt", legs.type),
        climb_fpm=_of_types("climb_fpm", legs.type),
        descent_fpm=_of_types("descent_fpm", legs.type),
        boarding_s=chance.uniform("boarding", ids, 240, 840),
        taxi_out_s=chance.uniform("taxi out", ids, 60, 150),
        taxi_in_s=chance.uniform("taxi in", ids, 60, 120),
        parked_s=chance.uniform("parked", ids, 90, 420),
    )
