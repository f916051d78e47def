"""Which frequency each aircraft has tuned: that of the controller who would look after it."""

import numpy as np

from collector.simulation.airports import Airports
from collector.simulation.columns import Floats, Integers
from collector.simulation.flights import Moment
from collector.simulation.profile import BOARDING, LANDING, TAKEOFF
from collector.simulation.stations import APPROACH, CENTRE, DELIVERY, GROUND, KINDS, TOWER, Duty
from collector.simulation.timetable import Legs

UNICOM_HZ = 122_800_000
ANTENNA_FT = 100  # above the field
FT_PER_M = 1 / 0.3048

_NOBODY = len(KINDS)


def tuned_hz(moment: Moment, legs: Legs, airports: Airports, duties: list[Duty]) -> Integers:
    """Frequency of each aircraft in Hz, UNICOM where nobody is in range.

    An aircraft speaks with the nearer end of its trip: on the ground with delivery or ground, then
    with tower, approach and centre; who is missing is stood in for by the next one up.
    """
    leg = moment.flight.leg
    to_go_nm = legs.length_nm[leg] - moment.flown_nm
    place = np.where(moment.flown_nm < to_go_nm, legs.origin[leg], legs.destination[leg])
    away_nm = np.minimum(moment.flown_nm, to_go_nm)
    level = np.maximum(_ground_level(moment.segment), _lowest_in_range(away_nm))
    in_sight = away_nm <= _horizon_nm(moment.altitude_ft - airports.elevation_ft[place])
    hz = _ladder(len(airports.icao), duties)[place, level]
    return np.where(in_sight & (hz > 0), hz, UNICOM_HZ)


def height_above_field_ft(moment: Moment, legs: Legs, airports: Airports) -> Floats:
    """Height above the nearer end of the trip, never under the 10 ft of an aerial on the roof."""
    leg = moment.flight.leg
    first_half = moment.flown_nm < legs.length_nm[leg] / 2
    place = np.where(first_half, legs.origin[leg], legs.destination[leg])
    return np.maximum(moment.altitude_ft - airports.elevation_ft[place], 10.0)


def _ground_level(segment: Integers) -> Integers:
    """The lowest level that an aircraft calls in each segment of its flight."""
    rolling = (segment >= TAKEOFF) & (segment <= LANDING)
    return np.where(rolling, TOWER, np.where(segment == BOARDING, DELIVERY, GROUND))


def _lowest_in_range(away_nm: Floats) -> Integers:
    """The lowest level in the air: tower, approach, centre, nobody."""
    edges = [KINDS[level].radio_nm for level in (TOWER, APPROACH, CENTRE)]
    in_the_air = TOWER + np.searchsorted(edges, away_nm)
    return np.where(away_nm < KINDS[GROUND].radio_nm, DELIVERY, in_the_air)


def _horizon_nm(height_ft: Floats) -> Floats:
    """Radio line of sight to an antenna, 1.23 (√h₁ + √h₂) with heights in feet."""
    horizon: Floats = 1.23 * (np.sqrt(np.maximum(height_ft, 50)) + np.sqrt(ANTENNA_FT))
    return horizon


def _ladder(airports: int, duties: list[Duty]) -> Integers:
    """Hz by airport and level, each gap filled by the next level that is staffed; 0 for nobody."""
    hz = np.zeros((airports, _NOBODY + 1), dtype=np.int64)
    for duty in reversed(duties):  # so that the main position wins over its extra ones
        if duty.position.antennas:
            level = KINDS.index(duty.position.kind)
            hz[list(duty.position.antennas), level] = duty.position.khz * 1000
    for level in range(CENTRE - 1, -1, -1):
        missing = hz[:, level] == 0
        hz[missing, level] = hz[missing, level + 1]
    return hz
