"""Rows and tracks as GeoJSON (RFC 7946): longitude before latitude, WGS 84.

A line that crosses the antimeridian is cut there, as the RFC asks for (3.1.9); so no viewer draws
it around the world.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collector.columns import integers, times
from collector.tracks import Track

Point = tuple[float, float]
MEDIA_TYPE = "application/geo+json"


def point(latitude: float | None, longitude: float | None) -> dict[str, Any] | None:
    """A place; None where it is not known."""
    if latitude is None or longitude is None:
        return None
    return {"type": "Point", "coordinates": (longitude, latitude)}


def collection(
    rows: Iterable[Any], geometry: Callable[[Any], dict[str, Any] | None]
) -> dict[str, Any]:
    """A feature for each row, with the row itself as properties."""
    features = [{"type": "Feature", "geometry": geometry(row), "properties": row} for row in rows]
    return {"type": "FeatureCollection", "features": features}


@dataclass(slots=True)
class _Line:
    coordinates: list[Point] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    altitude: list[float | None] = field(default_factory=list)

    def add(self, place: Point, at: datetime, altitude: float | None) -> None:
        self.coordinates.append(place)
        self.times.append(at)
        self.altitude.append(altitude)


def track_feature(pieces: Iterable[Track], properties: dict[str, Any]) -> dict[str, Any]:
    """The pieces of a track as a LineString, or as a MultiLineString where there are several.

    `times` and `altitude` in the properties have the shape of the coordinates.
    """
    lines = [line for piece in pieces for line in _lines(piece)]
    for line in lines:
        if len(line.coordinates) == 1:  # a line has two ends
            line.add(line.coordinates[0], line.times[0], line.altitude[0])
    columns = {
        name: [getattr(line, name) for line in lines]
        for name in ("coordinates", "times", "altitude")
    }
    if len(lines) == 1:
        columns = {name: column[0] for name, column in columns.items()}
    kind = "LineString" if len(lines) == 1 else "MultiLineString"
    geometry = {"type": kind, "coordinates": columns.pop("coordinates")} if lines else None
    return {"type": "Feature", "geometry": geometry, "properties": properties | columns}


def _lines(piece: Track) -> list[_Line]:
    """The lines of an unbroken piece: one, and one more for each crossing of the antimeridian."""
    lines = [_Line()]
    places = zip(piece.longitude.tolist(), piece.latitude.tolist(), strict=True)
    for here, at, altitude in zip(
        places, times(piece.at_ms), integers(piece.altitude), strict=True
    ):
        line = lines[-1]
        if line.coordinates and abs(here[0] - line.coordinates[-1][0]) > 180:
            lines.append(_cross(line, here, at, altitude))
        lines[-1].add(here, at, altitude)
    return lines


def _cross(line: _Line, here: Point, at: datetime, altitude: float | None) -> _Line:
    """End a line at the antimeridian, and begin another on its other side."""
    (longitude, latitude), since = line.coordinates[-1], line.times[-1]
    edge = 180.0 if longitude > 0 else -180.0
    ahead = here[0] + 2 * edge  # where `here` is, counted on across the edge
    share = (edge - longitude) / (ahead - longitude) if ahead != longitude else 0.0
    crossing = latitude + share * (here[1] - latitude)
    moment: datetime = since + timedelta(seconds=share * (at - since).total_seconds())
    line.add((edge, crossing), moment, altitude)
    beyond = _Line()
    beyond.add((-edge, crossing), moment, altitude)
    return beyond
