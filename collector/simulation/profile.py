"""How a flight moves: speed, altitude and distance as functions of the time since logon.

A flight is a row of break points. Between two of them groundspeed and altitude change evenly, so
the distance is a parabola and all three always agree. `SEGMENTS` names what happens between them.
"""

from dataclasses import dataclass

import numpy as np

from collector.simulation.columns import Floats, Integers

SEGMENTS = (
    "boarding", "push", "taxi_out", "takeoff",
    "initial_climb", "climb", "last_climb", "cruise", "descent", "last_descent",
    "approach", "landing", "taxi_in", "stop", "parked",
)  # fmt: skip
BOARDING = SEGMENTS.index("boarding")
TAKEOFF = SEGMENTS.index("takeoff")
CRUISE = SEGMENTS.index("cruise")
LANDING = SEGMENTS.index("landing")

_TAXI_KT = 15.0
_TAKEOFF_S = 38.0
_ROLL_OUT_S = 32.0
_GLIDE_FPM_PER_KT = 5.3  # three degrees


@dataclass(frozen=True)
class Trip:
    """What the break points of flights are worked out from; columns of equal length."""

    distance_nm: Floats
    departure_ft: Floats
    arrival_ft: Floats
    cruise_ft: Floats
    cruise_kt: Floats
    lift_off_kt: Floats
    climb_fpm: Floats
    descent_fpm: Floats
    boarding_s: Floats
    taxi_out_s: Floats
    taxi_in_s: Floats
    parked_s: Floats


@dataclass(frozen=True)
class Profile:
    """Break points, shape (flights, segments + 1)."""

    at_s: Floats
    groundspeed_kt: Floats
    altitude_ft: Floats
    flown_nm: Floats

    def state(self, rows: Integers, elapsed_s: Floats) -> tuple[Integers, Floats, Floats, Floats]:
        """Segment, groundspeed (kt), altitude (ft) and distance (nm) of `rows` at their times."""
        at = self.at_s[rows]
        segment = np.clip(np.sum(at <= elapsed_s[:, None], axis=1) - 1, 0, len(SEGMENTS) - 1)
        here, there = (rows, segment), (rows, segment + 1)
        since = elapsed_s - self.at_s[here]
        share = np.clip(since / np.maximum(self.at_s[there] - self.at_s[here], 1e-9), 0, 1)
        speed = self.groundspeed_kt[here]
        speed_now = speed + share * (self.groundspeed_kt[there] - speed)
        altitude = self.altitude_ft[here]
        altitude_now = altitude + share * (self.altitude_ft[there] - altitude)
        flown = self.flown_nm[here] + (speed + speed_now) / 2 * since / 3600
        return segment, speed_now, altitude_now, flown


def build_profile(trip: Trip) -> Profile:
    """Lay the break points of every trip; cruising takes what climb and descent leave over."""
    altitude = _altitudes(trip)
    speed = _speeds(trip, altitude)
    seconds = _durations(trip, altitude)
    mean_kt = (speed[:, 1:] + speed[:, :-1]) / 2
    left_nm = trip.distance_nm - np.sum(seconds * mean_kt, axis=1) / 3600
    seconds[:, CRUISE] = left_nm / trip.cruise_kt * 3600
    start = np.zeros((len(seconds), 1))
    return Profile(
        at_s=np.hstack([start, np.cumsum(seconds, axis=1)]),
        groundspeed_kt=speed,
        altitude_ft=altitude,
        flown_nm=np.hstack([start, np.cumsum(seconds * mean_kt / 3600, axis=1)]),
    )


def _altitudes(trip: Trip) -> Floats:
    up, down = trip.cruise_ft - trip.departure_ft, trip.cruise_ft - trip.arrival_ft
    climbing = [trip.departure_ft + share * up for share in (0.28, 0.65)]
    descending = [
        trip.arrival_ft + 0.35 * down,
        trip.arrival_ft + np.minimum(3_000, 0.3 * down),
    ]
    return np.stack(
        [trip.departure_ft] * 5
        + [*climbing, trip.cruise_ft, trip.cruise_ft, *descending]
        + [trip.arrival_ft] * 5,
        axis=1,
    )


def _speeds(trip: Trip, altitude: Floats) -> Floats:
    """Groundspeed grows with height, fast at first: 300 kt at 10,000 ft under FL360."""
    top = SEGMENTS.index("climb"), SEGMENTS.index("last_climb")
    bottom = SEGMENTS.index("last_descent"), SEGMENTS.index("approach")
    speed = np.zeros_like(altitude)
    for points, field_ft in ((top, trip.departure_ft), (bottom, trip.arrival_ft)):
        for point in points:
            share = (altitude[:, point] - field_ft) / (trip.cruise_ft - field_ft)
            speed[:, point] = trip.lift_off_kt + (trip.cruise_kt - trip.lift_off_kt) * share**0.6
    speed[:, [CRUISE, CRUISE + 1]] = trip.cruise_kt[:, None]
    speed[:, [TAKEOFF + 1, LANDING]] = (trip.lift_off_kt * [[1.0], [0.95]]).T
    speed[:, [TAKEOFF - 1, TAKEOFF, LANDING + 1, LANDING + 2]] = _TAXI_KT
    return speed


def _durations(trip: Trip, altitude: Floats) -> Floats:
    """Seconds of each segment, that of cruising still zero."""
    approach_fpm = trip.lift_off_kt * _GLIDE_FPM_PER_KT
    still, steep, flat = np.zeros_like(trip.climb_fpm), trip.descent_fpm, trip.descent_fpm * 0.7
    rates = [trip.climb_fpm, trip.climb_fpm * 0.8, trip.climb_fpm * 0.55]
    fpm = np.stack([*rates, still, steep, flat, approach_fpm], axis=1)
    change_ft = np.abs(np.diff(altitude[:, TAKEOFF + 1 : LANDING + 1], axis=1))
    in_the_air = np.divide(change_ft * 60, fpm, out=np.zeros_like(fpm), where=fpm > 0)
    steady = np.ones_like(trip.climb_fpm)
    before = [trip.boarding_s, 8 * steady, trip.taxi_out_s, _TAKEOFF_S * steady]
    after = [_ROLL_OUT_S * steady, trip.taxi_in_s, 8 * steady, trip.parked_s]
    return np.column_stack([*before, in_the_air, *after])
