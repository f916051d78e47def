"""The types of aircraft that fly in the simulated network, and the callsigns they use."""

from typing import NamedTuple

import numpy as np

from collector.simulation.columns import Flags, Floats, Integers

LIGHT, COMMUTER, AIRLINER, HEAVY = range(4)


class AircraftType(NamedTuple):
    """A type with the speeds (kt), rates (ft/min) and ceiling (ft) it is flown at."""

    name: str
    wake: str
    size: int
    tas: int
    ceiling_ft: int
    climb_fpm: int
    descent_fpm: int
    lift_off_kt: int
    equipment: str


_AIRLINE_KIT = "SDE2E3FGHIJ1RWXY/LB1"
_LIGHT_KIT = "SDFGRY/S"

TYPES = (
    AircraftType("C172", "L", LIGHT, 112, 8_500, 600, 500, 58, _LIGHT_KIT),
    AircraftType("P28A", "L", LIGHT, 118, 8_500, 620, 500, 60, _LIGHT_KIT),
    AircraftType("DA40", "L", LIGHT, 132, 9_500, 750, 550, 62, _LIGHT_KIT),
    AircraftType("SR22", "L", LIGHT, 165, 11_500, 950, 650, 76, _LIGHT_KIT),
    AircraftType("AT76", "M", COMMUTER, 275, 20_000, 1_350, 1_200, 112, _AIRLINE_KIT),
    AircraftType("DH8D", "M", COMMUTER, 350, 25_000, 1_700, 1_500, 118, _AIRLINE_KIT),
    AircraftType("CRJ9", "M", COMMUTER, 440, 38_000, 2_200, 1_800, 138, _AIRLINE_KIT),
    AircraftType("A320", "M", AIRLINER, 447, 38_000, 2_300, 1_900, 142, _AIRLINE_KIT),
    AircraftType("A20N", "M", AIRLINER, 450, 39_000, 2_300, 1_900, 140, _AIRLINE_KIT),
    AircraftType("A321", "M", AIRLINER, 450, 36_000, 2_000, 1_900, 148, _AIRLINE_KIT),
    AircraftType("B738", "M", AIRLINER, 452, 39_000, 2_200, 1_900, 146, _AIRLINE_KIT),
    AircraftType("E190", "M", AIRLINER, 445, 38_000, 2_200, 1_800, 138, _AIRLINE_KIT),
    AircraftType("A359", "H", HEAVY, 488, 41_000, 2_000, 1_900, 150, _AIRLINE_KIT),
    AircraftType("B789", "H", HEAVY, 487, 41_000, 2_000, 1_900, 152, _AIRLINE_KIT),
    AircraftType("B77W", "H", HEAVY, 490, 37_000, 1_900, 1_900, 158, _AIRLINE_KIT),
    AircraftType("A388", "J", HEAVY, 488, 39_000, 1_700, 1_800, 154, _AIRLINE_KIT),
)
_FIRST_OF_SIZE = np.searchsorted([one.size for one in TYPES], [LIGHT, COMMUTER, AIRLINER, HEAVY, 9])

# Coprime to both ranges below, so that neighbouring numbers get distant callsigns, each its own.
_STRIDE = 7_919
_AIRLINES = [f"X{second}{third}" for second in "ABDEFGKLMN" for third in "AEIORSTUVY"]
_FLIGHT_NUMBERS = 9_999
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def types_for(light: Flags, distance_nm: Floats, chance: Floats) -> Integers:
    """Index into `TYPES` for trips of a length, `chance` (0 to below 1) choosing within a size."""
    size = np.where(light, LIGHT, 1 + np.searchsorted([260.0, 2_800.0], distance_nm))
    first, end = _FIRST_OF_SIZE[size], _FIRST_OF_SIZE[size + 1]
    types: Integers = first + np.floor(chance * (end - first)).astype(np.int64)
    return types


def airline_callsign(number: int) -> str:
    """The callsign of a made-up airline's leg; distinct for `number` below 999,900."""
    airline, flight = divmod(number * _STRIDE % (len(_AIRLINES) * _FLIGHT_NUMBERS), _FLIGHT_NUMBERS)
    return f"{_AIRLINES[airline]}{flight + 1}"


def light_callsign(number: int) -> str:
    """A made-up registration of five letters; distinct for `number` below 456,976."""
    left, letters = number * _STRIDE % len(_LETTERS) ** 4, "X"
    for _ in range(4):
        left, letter = divmod(left, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters
