"""Great-circle distance on a sphere of the Earth's mean radius."""

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_NM = 3440.065


def distance_nm(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Nautical miles between two points in degrees (haversine)."""
    dlat, dlon = radians(lat2 - lat1) / 2, radians(lon2 - lon1) / 2
    a = sin(dlat) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(dlon) ** 2
    return 2 * EARTH_RADIUS_NM * asin(sqrt(min(a, 1.0)))
