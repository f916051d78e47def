"""What the flush knows and the poll does not, for the live lists: ids, antennas, erased members."""

from collections.abc import Iterable, Mapping
from math import atan2, cos, degrees, hypot, radians, sin

from msgspec import Struct

from collector.identity import OpenFlight
from collector.live import Place, Station
from collector.records import Key
from collector.sessions import OpenSession
from collector.tunings import CHANNEL_HZ, Tuning


class Known(Struct, gc=False):
    """Columns rather than rows, which pack and unpack faster."""

    flights: tuple[list[int], list[str], list[int]] = ([], [], [])  # cid, callsign, id
    sessions: list[tuple[int, str, int, Place | None]] = []  # cid, callsign, id, antenna
    erased: list[int] = []  # pseudonyms

    def flight_ids(self) -> dict[Key, int]:
        """The id of each flight."""
        cids, callsigns, ids = self.flights
        return dict(zip(zip(cids, callsigns, strict=True), ids, strict=True))

    def stations(self) -> dict[Key, Station]:
        """What is known of each controller."""
        return {(cid, callsign): Station(i, place) for cid, callsign, i, place in self.sessions}


def known(
    flights: Iterable[OpenFlight],
    sessions: Iterable[OpenSession],
    tunings: Mapping[str, Mapping[int, Tuning]],
    erased: Iterable[int],
) -> Known:
    """What the open flights, sessions and tunings say."""
    here = list(flights)
    return Known(
        flights=([f.cid for f in here], [f.callsign for f in here], [f.id for f in here]),
        sessions=[
            (s.cid, s.callsign, s.id, antenna(s.frequency, tunings.get(s.callsign, {}).values()))
            for s in sessions
        ],
        erased=list(erased),
    )


def antenna(frequency: str, tunings: Iterable[Tuning]) -> Place | None:
    """The mean, on the sphere, of the antennas on a frequency (MHz text), else of all."""
    everywhere = list(tunings)
    chosen = [t for t in everywhere if _is_on(t, frequency)] or everywhere
    if not chosen:
        return None
    points = [(radians(t.latitude), radians(t.longitude)) for t in chosen]
    x = sum(cos(lat) * cos(lon) for lat, lon in points)
    y = sum(cos(lat) * sin(lon) for lat, lon in points)
    z = sum(sin(lat) for lat, _ in points)
    return Place(round(degrees(atan2(z, hypot(x, y))), 6), round(degrees(atan2(y, x)), 6))


def _is_on(tuning: Tuning, frequency: str) -> bool:
    try:
        return abs(tuning.frequency - float(frequency) * 1e6) <= CHANNEL_HZ / 2
    except ValueError:
        return False
