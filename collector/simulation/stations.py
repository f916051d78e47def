"""Who controls and who watches in the simulated network, and from where.

A position is staffed in shifts of some hours with short breaks, each shift by another made-up
member. As with the flights, all follows from time alone.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from collector.simulation.airports import Airports
from collector.simulation.chance import Chance

DELIVERY, GROUND, TOWER, APPROACH, CENTRE = range(5)

FIRST_CONTROLLER_CID = 8_000_000
MEMBERS_PER_POSITION = 8


@dataclass(frozen=True)
class Kind:
    """What all positions of a kind share; `wait` says how many busier airports come before."""

    suffix: str
    spoken: str
    facility: int
    least_rating: int
    visual_range: int
    radio_nm: int
    wait: int


KINDS = (
    Kind("DEL", "Delivery", 2, 2, 20, 5, 25),
    Kind("GND", "Ground", 3, 2, 20, 5, 10),
    Kind("TWR", "Tower", 4, 3, 50, 12, 0),
    Kind("APP", "Approach", 5, 4, 150, 45, 4),
    Kind("CTR", "Control", 6, 5, 400, 250, 6),
)
OBSERVER = Kind("OBS", "Observer", 0, 1, 100, 0, 0)
_OBSERVER_SHARE = 0.15
_INFIXES = ("", "N", "S", "E", "W", "F")
_WAIT_OF_INFIX = 60
# 121.5, 122.8 and 123.45 MHz belong to nobody.
_KEPT_FREE_KHZ = {121_500, 122_800, 123_450}


@dataclass(frozen=True)
class Position:
    """A place to control from; an observer's has no frequency that anybody hears, and no ATIS."""

    callsign: str
    kind: Kind
    airport: int
    khz: int
    antennas: tuple[int, ...] = ()  # airports
    atis_khz: int = 0


@dataclass(frozen=True)
class Duty:
    """A position that is staffed at a moment, since `logon_s` after 1970."""

    index: int
    position: Position
    cid: int
    bits: int
    rating: int
    logon_s: int


class Stations:
    """All positions of a network and their shifts."""

    def __init__(self, chance: Chance, airports: Airports, count: int) -> None:
        """About `count` members are controlling or watching at any time, at least 2."""
        self._chance = chance
        observers = max(1, round(count * _OBSERVER_SHARE))
        staffed = _positions(airports)[: max(1, round((count - observers) / 0.9))]
        self.positions = staffed + _observers(airports, round(observers / 0.9))
        ids = np.arange(len(self.positions))
        self._on_s = chance.whole("shift", ids, 90 * 60, 240 * 60)
        self._period_s = self._on_s + chance.whole("break", ids, 5 * 60, 25 * 60)
        self._offset_s = np.floor(chance.uniform("shift offset", ids) * self._period_s).astype(int)

    def on_duty(self, seconds: int) -> list[Duty]:
        """Who is online `seconds` after 1970, in the order of the positions."""
        shift, since_s = np.divmod(seconds - self._offset_s, self._period_s)
        online = np.flatnonzero(since_s < self._on_s)
        member = online * MEMBERS_PER_POSITION + shift[online] % MEMBERS_PER_POSITION
        more = self._chance.whole("rating", member, 0, 2)
        bits = self._chance.bits("controller", member)
        columns = (online, member, bits, more, seconds - since_s[online])
        return [
            Duty(
                index=index,
                position=self.positions[index],
                cid=FIRST_CONTROLLER_CID + number,
                bits=random,
                rating=self.positions[index].kind.least_rating + rank,
                logon_s=logon_s,
            )
            for index, number, random, rank, logon_s in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]


def _positions(airports: Airports) -> list[Position]:
    """Every position that can be staffed, the first to be staffed first."""
    wanted = sorted(
        (rank + kind.wait + infix * _WAIT_OF_INFIX, rank, infix, level)
        for level, kind in enumerate(KINDS)
        for infix in range(len(_INFIXES))
        for rank in range(len(airports.icao))
        if level != CENTRE or airports.centre.index(airports.centre[rank]) == rank
    )
    return [
        _position(airports, number, rank, _INFIXES[infix], level)
        for number, (_, rank, infix, level) in enumerate(wanted)
    ]


def _position(airports: Airports, number: int, rank: int, infix: str, level: int) -> Position:
    icao, centre = airports.icao[rank], airports.centre[rank]
    if level == CENTRE:
        antennas = tuple(n for n, other in enumerate(airports.centre) if other == centre)
    else:
        antennas = (rank,)
    name = centre if level == CENTRE else icao.removeprefix("K")
    channels = _channels(fine=icao[0] in "EL")
    return Position(
        callsign="_".join(filter(None, (name, infix, KINDS[level].suffix))),
        kind=KINDS[level],
        airport=rank,
        khz=channels[number * 331 % len(channels)],
        antennas=antennas,
        atis_khz=channels[(number * 331 + len(channels) // 2) % len(channels)],
    )


@cache
def _channels(*, fine: bool) -> list[int]:
    """Channels in kHz: Europe's are named in steps of 5 kHz (8.33 apart), others stand 25 apart."""
    endings = (5, 10, 15, 30, 35, 40, 55, 60, 65, 80, 85, 90) if fine else (0, 25, 50, 75)
    every = (khz + ending for khz in range(118_000, 137_000, 100) for ending in endings)
    return [khz for khz in every if khz not in _KEPT_FREE_KHZ]


def _observers(airports: Airports, count: int) -> list[Position]:
    places = len(airports.icao)
    return [
        Position(
            f"{airports.icao[n % places]}_{n // places + 1}_OBS", OBSERVER, n % places, 199_998
        )
        for n in range(count)
    ]
