"""Flight plans as members file them, with invented waypoints, as JSON objects of the feed."""

from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import msgspec

from collector.simulation.fleet import TYPES

# Waypoints with the airway behind each, in an order in which any cut-out reads like a route.
_FIXES = ["".join(letters) for letters in product("BDKLMNRST", "AEIOU", "LMNRS", "AEIOU", "KNT")]
_ROUTE = [
    f"{_FIXES[n * 1_009 % len(_FIXES)]} {('DCT', f'L{n % 900 + 60}', f'UM{n % 800 + 100}')[n % 3]}"
    for n in range(len(_FIXES))
]
_DAY_S = 86_400
_FIX_EVERY_NM = 45
_LONGEST_ROUTE = 90  # waypoints; the feed's longest routes have 1,081 characters


def _hours_and_minutes(seconds: int) -> str:
    return f"{seconds // 3600:02}{seconds // 60 % 60:02}"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    """A day, counted from 1970, as `DOF/` has it."""
    return f"{datetime.fromtimestamp(day * _DAY_S, UTC):%y%m%d}"


# Every fourth waypoint is reported with the time to it: 180 nm are 24 minutes at 450 kt.
_REPORTED = 4
_ELAPSED = [_hours_and_minutes(n * 1_440) for n in range(1, _LONGEST_ROUTE // _REPORTED + 1)]


class Filing(NamedTuple):
    """What a plan is written from; `bits` are 64 random ones, times in s after 1970."""

    bits: int
    light: bool
    type: int
    callsign: str
    departure: str
    arrival: str
    alternate: str
    filed_ft: int
    length_nm: float
    off_block_s: int
    enroute_s: int
    revision_id: int
    assigned: int


def flight_plan(filing: Filing) -> bytes:
    """The feed's `flight_plan` object of a filing."""
    craft = TYPES[filing.type]
    equipment = f"{craft.name}/{craft.wake}-{craft.equipment}"
    faa = f"{craft.name}/L" if craft.wake in "LM" else f"{craft.wake}/{craft.name}/L"
    return msgspec.json.encode(
        {
            "flight_rules": "V" if filing.light else "I",
            "aircraft": equipment,
            "aircraft_faa": faa,
            "aircraft_short": craft.name,
            "departure": filing.departure,
            "arrival": filing.arrival,
            "alternate": filing.alternate,
            "cruise_tas": str(craft.tas),
            "altitude": _altitude(filing),
            "deptime": _hours_and_minutes(filing.off_block_s % _DAY_S),
            "enroute_time": _hours_and_minutes(filing.enroute_s),
            "fuel_time": _hours_and_minutes(filing.enroute_s + 4_500),
            "remarks": _remarks(filing),
            "route": _route(filing),
            "revision_id": filing.revision_id,
            "assigned_transponder": f"{filing.assigned:04o}",
        }
    )


def _altitude(filing: Filing) -> str:
    """Mostly feet; a few members write a flight level."""
    if filing.bits % 50 == 0 and filing.filed_ft >= 18_000:
        return f"FL{filing.filed_ft // 100}"
    return str(filing.filed_ft)


def _waypoints(filing: Filing) -> slice:
    """The cut-out of `_ROUTE` that this plan flies along; an amendment takes another one."""
    count = min(2 + int(filing.length_nm / _FIX_EVERY_NM), _LONGEST_ROUTE)
    first = (filing.bits >> 8) * filing.revision_id % (len(_ROUTE) - count)
    return slice(first, first + count)


def _route(filing: Filing) -> str:
    if filing.light:
        return "DCT"
    words = " ".join(_ROUTE[_waypoints(filing)])
    return f"{words[:5]}1D {words} {filing.arrival}"


def _remarks(filing: Filing) -> str:
    day = _date(filing.off_block_s // _DAY_S)
    if filing.light:
        return f"DOF/{day} RMK/SIMULATED FLIGHT, NOBODY FLIES IT /T/"
    words = _ROUTE[_waypoints(filing)][_REPORTED - 1 :: _REPORTED]
    elapsed = " ".join([word[:4] + time for word, time in zip(words, _ELAPSED, strict=False)])
    return (
        f"PBN/A1B1C1D1L1O1S2 NAV/RNVD1E2A1 DOF/{day} REG/X{filing.bits >> 40:06X} "
        f"EET/{elapsed} SEL/ABCD CODE/{filing.bits >> 16 & 0xFFFFFF:06X} OPR/{filing.callsign[:3]} "
        f"PER/C RMK/SIMULATED FLIGHT, NOBODY FLIES IT TCAS /V/"
    )
