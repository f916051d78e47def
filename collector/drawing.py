"""A flight's track as a drawing: the shapes of an SVG as path data and numbers, nothing else.

The map is equirectangular and true to scale along its middle parallel. A line ends where the
track has a gap and begins anew after it: nobody knows what lay between. Below the map, altitude
and speed over time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from collector.basemap import Box, Land
from collector.tracks import Track

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WIDTH, MAP_HEIGHT, PROFILE_HEIGHT = 960, 480, 120  # SVG units
MOST_POINTS = 500  # drawn of a track
MARGIN = 1.15  # the map is so much wider or higher than the track
LEAST_DEGREES = 0.2  # height of a map, however short the track
STEEPEST_PARALLEL = 80  # degrees; the scale is not stretched more than there

BANDS_FT = (3_000, 10_000, 20_000, 30_000)  # the colours change here
UNKNOWN_BAND = "unknown"

GRATICULE_DEGREES = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45, 90)
CLOCK_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
MOST_LINES = 8  # of the graticule and of the clock
NM_PER_DEGREE = 60  # of latitude
SCALES_NM = (2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
LONGEST_SCALE = WIDTH / 4


@dataclass(frozen=True, slots=True)
class Line:
    """Path data, and the altitude band whose colour it has."""

    path: str
    band: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the drawing, in SVG units."""

    x: float
    y: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """A bar that is `nm` long on the map's middle parallel."""

    length: float
    nm: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Altitude and speed over time."""

    altitude: str
    groundspeed: str
    clock: list[Mark]
    top_altitude_ft: int
    top_groundspeed_kt: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that the template puts into the SVG; no profile of a single position."""

    land: str
    graticule: str
    degrees: list[Mark]
    scale: Scale
    lines: list[Line]
    start: Mark
    end: Mark
    profile: Profile | None


def draw_track(pieces: Sequence[Track], land: Land | None = None) -> Drawing | None:
    """Draw the unbroken pieces of one flight's track over land; None where there are none."""
    if not pieces:
        return None
    track, piece = _thinned(pieces)
    longitude = _continuous(track.longitude)
    view = View.around(longitude, track.latitude)
    places = view.place(longitude, track.latitude)
    graticule, degrees = _graticule(view)
    return Drawing(
        land=_land(view, land) if land else "",
        graticule=graticule,
        degrees=degrees,
        scale=_scale(view),
        lines=list(_lines(places, piece, _bands(track.altitude))),
        start=_mark(places[0], _clock(track.at_ms[0])),
        end=_mark(places[-1], _clock(track.at_ms[-1])),
        profile=_profile(track, piece) if len(piece) > 1 else None,
    )


@dataclass(frozen=True, slots=True)
class View(Box):
    """The box that the map shows."""

    @classmethod
    def around(cls, longitude: Floats, latitude: Floats) -> "View":
        """The smallest box of the map's shape that holds these places."""
        x, width = _middle(longitude)
        y, height = _middle(latitude)
        stretch = np.cos(np.radians(min(abs(y), STEEPEST_PARALLEL)))
        shape = WIDTH / MAP_HEIGHT
        half_height = max(height, width * stretch / shape, LEAST_DEGREES) * MARGIN / 2
        half_width = half_height * shape / stretch
        return cls(
            float(x - half_width),
            float(y - half_height),
            float(x + half_width),
            float(y + half_height),
        )

    def place(self, longitude: Floats, latitude: Floats) -> Floats:
        """Where degrees lie on the map, as (n, 2) SVG units."""
        x = (longitude - self.west) / (self.east - self.west) * WIDTH
        y = (self.north - latitude) / (self.north - self.south) * MAP_HEIGHT
        return np.column_stack([x, y])


def _middle(values: Floats) -> tuple[float, float]:
    least, greatest = values.min(), values.max()
    return (least + greatest) / 2, greatest - least


def _thinned(pieces: Sequence[Track]) -> tuple[Track, Integers]:
    """Evenly chosen positions and each end of a piece, and the number of each one's piece."""
    piece = np.repeat(np.arange(len(pieces)), [len(each) for each in pieces])
    ends = np.flatnonzero(np.diff(piece))
    even = np.linspace(0, len(piece) - 1, min(len(piece), MOST_POINTS))
    chosen = np.unique(np.concatenate([np.rint(even).astype(int), ends, ends + 1]))
    columns = (np.concatenate([getattr(each, f) for each in pieces]) for f in Track.__slots__)
    return Track(*columns).select(chosen), piece[chosen]


def _continuous(longitude: Floats) -> Floats:
    """Longitudes that don't jump at the antimeridian, their middle between -180° and 180°."""
    unwrapped = np.unwrap(longitude, period=360)
    return unwrapped - 360 * np.rint(_middle(unwrapped)[0] / 360)


def _bands(altitude: Floats) -> list[str]:
    bands = np.digitize(altitude, BANDS_FT).astype(str)
    return list(np.where(np.isnan(altitude), UNKNOWN_BAND, bands))


def _lines(places: Floats, piece: Integers, bands: list[str]) -> Iterator[Line]:
    """One line for each run of positions without a gap and in one band, up to the next band."""
    kinds = list(zip(piece, bands, strict=True))
    changes = [i for i, (a, b) in enumerate(pairwise(kinds), 1) if a != b]
    for start, end in pairwise([0, *changes, len(kinds)]):
        goes_on = end < len(kinds) and piece[end] == piece[start]
        yield Line(_path(places[start : end + goes_on]), bands[start])


def _path(places: Floats) -> str:
    """A line through places; through a single one, a dot."""
    body = "L".join(f"{x:.1f},{y:.1f}" for x, y in places.tolist())
    return f"M{body}" + ("h0" if len(places) == 1 else "")


def _mark(place: Floats, text: str = "") -> Mark:
    return Mark(round(float(place[0]), 1), round(float(place[1]), 1), text)


def _land(view: View, land: Land) -> str:
    """The outlines as closed paths, with no more points than one can see."""
    box = View(view.west, max(view.south, -90), min(view.east, view.west + 360), view.north)
    rings = (np.rint(view.place(*ring.T) * 2) / 2 for ring in land.within(box))
    seen = (ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] for ring in rings)
    return "".join(f"{_path(ring)}Z" for ring in seen if len(ring) > 2)


def _graticule(view: View) -> tuple[str, list[Mark]]:
    """Meridians and parallels as one path, and their names along the left and lower edge."""
    step = _step(view.east - view.west, GRATICULE_DEGREES)
    meridians = _multiples(view.west, view.east, step)
    parallels = _multiples(max(view.south, -90), min(view.north, 90), step)
    x = view.place(meridians, np.zeros_like(meridians))[:, 0].round(1).tolist()
    y = view.place(np.zeros_like(parallels), parallels)[:, 1].round(1).tolist()
    path = "".join([f"M{at},0V{MAP_HEIGHT}" for at in x] + [f"M0,{at}H{WIDTH}" for at in y])
    names = [
        Mark(at, MAP_HEIGHT, _degrees((value + 180) % 360 - 180, "EW"))
        for at, value in zip(x, meridians, strict=True)
    ] + [Mark(0, at, _degrees(value, "NS")) for at, value in zip(y, parallels, strict=True)]
    return path, names


def _scale(view: View) -> Scale:
    """The longest round bar that is not too long."""
    units_per_nm = MAP_HEIGHT / ((view.north - view.south) * NM_PER_DEGREE)
    nm = next((nm for nm in SCALES_NM if nm * units_per_nm <= LONGEST_SCALE), SCALES_NM[-1])
    return Scale(round(nm * units_per_nm, 1), nm)


def _degrees(value: float, letters: str) -> str:
    value = round(float(value), 2)
    return f"{abs(value):g}°{'' if value == 0 else letters[value < 0]}"


def _profile(track: Track, piece: Integers) -> Profile:
    since, until = int(track.at_ms[0]), int(track.at_ms[-1])
    x = (track.at_ms - since) / max(until - since, 1) * WIDTH
    top_altitude = _top(track.altitude, 1000)
    top_groundspeed = _top(track.groundspeed, 100)
    step_ms = _step((until - since) / 60_000, CLOCK_MINUTES) * 60_000
    ticks = _multiples(since, until, step_ms)
    return Profile(
        altitude=_curves(x, track.altitude / top_altitude, piece),
        groundspeed=_curves(x, track.groundspeed / top_groundspeed, piece),
        clock=[
            Mark(round((at - since) / max(until - since, 1) * WIDTH, 1), 0, _clock(at))
            for at in ticks.tolist()
        ],
        top_altitude_ft=top_altitude,
        top_groundspeed_kt=top_groundspeed,
    )


def _curves(x: Floats, share: Floats, piece: Integers) -> str:
    """A curve for each piece of a track; `share` is a height between 0 and 1."""
    places = np.column_stack([x, PROFILE_HEIGHT * (1 - np.clip(share, 0, 1))])
    known = np.isfinite(share)
    cuts = np.flatnonzero(np.diff(piece[known])) + 1
    return "".join(_path(curve) for curve in np.split(places[known], cuts) if len(curve))


def _top(values: Floats, step: int) -> int:
    """The first multiple of `step` that no value exceeds; at least one step."""
    known = values[np.isfinite(values)]
    return step * max(1, int(np.ceil(known.max(initial=0) / step)))


def _step(span: float, steps: tuple[float, ...]) -> float:
    return next((step for step in steps if span / step <= MOST_LINES), steps[-1])


def _multiples(least: float, greatest: float, step: float) -> Floats:
    return np.arange(np.ceil(least / step), np.floor(greatest / step) + 1) * step


def _clock(at_ms: float) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M}"
