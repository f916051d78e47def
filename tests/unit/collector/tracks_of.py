"""Tracks for tests."""

import numpy as np

from collector.tracks import Track

START_MS = 1_772_366_400_000


def track(
    longitude: list[float],
    latitude: list[float] | None = None,
    seconds: list[float] | None = None,
    **columns: list[float],
) -> Track:
    """A track along these places, a position every 15 s unless `seconds` says otherwise."""
    n = len(longitude)
    at = np.array(seconds if seconds is not None else [15 * i for i in range(n)], float)
    filled = {"altitude": 10_000.0, "groundspeed": 400.0, "heading": 90.0, "qnh_i_hg": 29.92}
    return Track(
        flight_id=np.full(n, 1),
        at_ms=(START_MS + at * 1000).astype(np.int64),
        latitude=np.array(latitude if latitude is not None else [0.0] * n, float),
        longitude=np.array(longitude, float),
        **{name: np.array(columns.get(name, [value] * n), float) for name, value in filled.items()},
    )
