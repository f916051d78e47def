"""The made-up air pressure: slow waves round the Earth, between about 998 and 1,028 hPa."""

import numpy as np

from collector.simulation.columns import Floats

HPA_PER_INHG = 33.8639


def pressure_inhg(latitude: Floats, longitude: Floats, seconds: Floats | float) -> Floats:
    """QNH in inches of mercury at points in degrees, `seconds` after 1970."""
    waves = 0.25 * np.sin(3 * np.radians(latitude) + seconds / 40_000)
    return 29.92 + waves + 0.2 * np.cos(2 * np.radians(longitude) - seconds / 60_000)


def true_altitude_ft(flown_ft: Floats, qnh_inhg: Floats) -> Floats:
    """Altitude above the sea of aircraft that fly on standard pressure above 18,000 ft.

    Below 17,000 ft they fly on QNH; in between the two are blended, so that a climb has no step.
    """
    on_standard = np.clip((flown_ft - 17_000) / 1_000, 0, 1)
    return flown_ft + on_standard * (qnh_inhg - 29.92) * 1_000
