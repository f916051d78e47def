"""Reads filed flight plans: the feed's strings, and what they mean.

The feed passes on what pilots typed. Of 96,557 recorded pilots, 1,673 had an altitude that is
not digits, 43 a departure time that is not four digits; such values are kept as they came and
read as None.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from collector.text import clean, clean_json, storable

FEET_PER_TEN_METRES = 32.8084
# Most characters kept of each text; the longest recorded route had 1,081.
LENGTHS = {
    "flight_rules": 4,
    "aircraft": 100,
    "aircraft_faa": 40,
    "aircraft_short": 20,
    "departure": 10,
    "arrival": 10,
    "alternate": 10,
    "cruise_tas": 20,
    "altitude": 20,
    "deptime": 20,
    "enroute_time": 20,
    "fuel_time": 20,
    "remarks": 4000,
    "route": 4000,
    "assigned_transponder": 8,
}
ONE_DAY = timedelta(days=1)


class PlanRejected(Exception):
    """JSON that is no flight plan; the message says why."""


class Plan(Struct, frozen=True, kw_only=True):
    """A filed plan with the feed's own names and strings, cleaned and cut to `LENGTHS`.

    Keys that the oldest recordings lack are None there.
    """

    flight_rules: str
    aircraft: str
    aircraft_faa: str | None = None
    aircraft_short: str | None = None
    departure: str
    arrival: str
    alternate: str
    cruise_tas: str
    altitude: str
    deptime: str
    enroute_time: str
    fuel_time: str
    remarks: str
    route: str
    revision_id: Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None = None
    assigned_transponder: str | None = None
    extra: dict[str, Any] = {}

    @property
    def aircraft_type(self) -> str:
        """The ICAO type designator: `aircraft_short`, else the start of `aircraft`."""
        return self.aircraft_short or self.aircraft.removeprefix("H/").split("/")[0]

    @property
    def ends(self) -> tuple[str, str, str]:
        """What makes a plan another journey: departure, arrival and type."""
        return self.departure, self.arrival, self.aircraft_type

    def differs_from(self, other: "Plan") -> bool:
        """Whether anything but the revision's number differs."""
        return msgspec.structs.replace(self, revision_id=other.revision_id) != other


_FIELDS = frozenset(Plan.__struct_fields__) - {"extra"}


def parse_plan(raw: bytes) -> Plan | None:
    """The plan in a record's `flight_plan`, None for null. Raises `PlanRejected`."""
    try:
        values = msgspec.json.decode(clean_json(raw))
        if values is None:
            return None
        if not isinstance(values, dict):
            raise PlanRejected("flight_plan is no object")
        known = {key: values[key] for key in values.keys() & _FIELDS}
        for key, length in LENGTHS.items():
            if isinstance(known.get(key), str):
                known[key] = clean(known[key], length)
        unknown = {key[:64]: storable(values[key]) for key in sorted(values.keys() - _FIELDS)[:16]}
        return msgspec.convert({**known, "extra": unknown}, Plan)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PlanRejected(f"flight_plan: {error}") from None


class Altitude(NamedTuple):
    """A filed altitude in feet; `certain` is false where the digits had to be interpreted."""

    feet: int | None
    certain: bool = True


_NOT_READ = Altitude(None)
_METRIC = re.compile(r"[MS](\d{4})")
_FEET = re.compile(r"(?:VFR/|FL|F|A)?(\d{1,6})")


def read_altitude(text: str) -> Altitude:
    """`FL340`, `F340`, `340` and `34000` are 34,000 ft, `VFR/075` 7,500, `M0840` metric.

    Six digits that end in 0000 are ten times too many. None outside 200 to 70,000 ft.
    """
    text = text.strip().upper()
    if metric := _METRIC.fullmatch(text):
        return _in_range(round(int(metric[1]) * FEET_PER_TEN_METRES))
    if not (match := _FEET.fullmatch(text)):
        return _NOT_READ
    digits = match[1]
    if len(digits) == 6:
        return _in_range(int(digits) // 10, certain=False) if digits[2:] == "0000" else _NOT_READ
    value = int(digits)
    return _in_range(value * 100 if value < 1000 else value)


def _in_range(feet: int, *, certain: bool = True) -> Altitude:
    return Altitude(feet, certain) if 200 <= feet <= 70_000 else _NOT_READ


def read_duration(text: str) -> timedelta | None:
    """`HHMM` from 5 minutes to 48 hours, else None."""
    if (clock := _read_clock(text)) is None:
        return None
    duration = timedelta(hours=clock[0], minutes=clock[1])
    return duration if timedelta(minutes=5) <= duration <= timedelta(hours=48) else None


def read_departure_time(text: str, near: datetime) -> datetime | None:
    """The instant nearest to `near` (UTC) at which the clock shows `HHMM`.

    None outside 3 h before to 6 h after `near`; `0000` also means "not filled in", and counts
    only within an hour of midnight.
    """
    clock = _read_clock(text)
    if clock is None or clock[0] > 23:
        return None
    near = near.astimezone(UTC)
    midnight = near.replace(hour=0, minute=0, second=0, microsecond=0)
    same_day = midnight + timedelta(hours=clock[0], minutes=clock[1])
    days = (same_day - ONE_DAY, same_day, same_day + ONE_DAY)
    nearest = min(days, key=lambda day: abs(day - near))
    if clock == (0, 0) and abs(nearest - near) > timedelta(hours=1):
        return None
    return nearest if timedelta(hours=-3) <= nearest - near <= timedelta(hours=6) else None


def _read_clock(text: str) -> tuple[int, int] | None:
    if not re.fullmatch(r"[0-9]{4}", text.strip()):
        return None
    hours, minutes = int(text.strip()[:2]), int(text.strip()[2:])
    return (hours, minutes) if minutes < 60 else None
