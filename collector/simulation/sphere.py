"""Great circles on a sphere, for whole columns of points as unit vectors of shape (n, 3)."""

import numpy as np

from collector.distance import EARTH_RADIUS_NM
from collector.simulation.columns import Floats


def unit_vectors(latitude: Floats, longitude: Floats) -> Floats:
    """Points given in degrees as vectors from the centre of the Earth."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def distances_nm(a: Floats, b: Floats) -> Floats:
    """Nautical miles between the points of `a` and `b` (chord to arc, exact for small ones)."""
    chord = np.linalg.norm(a - b, axis=-1)
    distance: Floats = 2 * EARTH_RADIUS_NM * np.arcsin(np.minimum(chord / 2, 1.0))
    return distance


def ahead(start: Floats, end: Floats) -> Floats:
    """The unit vectors at `start` that point along the great circle to `end`."""
    along = end - start * np.sum(start * end, axis=-1, keepdims=True)
    unit: Floats = along / np.linalg.norm(along, axis=-1, keepdims=True)
    return unit


def travel(start: Floats, direction: Floats, flown_nm: Floats) -> tuple[Floats, Floats, Floats]:
    """Latitude, longitude and heading (degrees) after `flown_nm` from `start` in `direction`."""
    angle = (flown_nm / EARTH_RADIUS_NM)[:, None]
    point = start * np.cos(angle) + direction * np.sin(angle)
    motion = direction * np.cos(angle) - start * np.sin(angle)
    latitude = np.arcsin(np.clip(point[:, 2], -1, 1))
    longitude = np.arctan2(point[:, 1], point[:, 0])
    east = motion[:, 1] * np.cos(longitude) - motion[:, 0] * np.sin(longitude)
    north = motion[:, 2] / np.cos(latitude)
    heading = np.degrees(np.arctan2(east, north)) % 360
    return np.degrees(latitude), np.degrees(longitude), heading
