import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.distance import EARTH_RADIUS_NM, distance_nm

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)
HALF_ROUND = math.pi * EARTH_RADIUS_NM


@pytest.mark.parametrize(
    ("here", "there", "nm"),
    [
        ((50.0, 8.0), (51.0, 8.0), 60.04),
        ((0.0, 179.5), (0.0, -179.5), 60.04),
        ((90.0, 0.0), (90.0, 137.0), 0.0),
        ((0.0, 0.0), (0.0, 180.0), HALF_ROUND),
        # Frankfurt to New York, 3,341 nm along the great circle
        ((50.0333, 8.5706), (40.6398, -73.7789), 3341),
    ],
)
def test_distances_are_along_the_great_circle(here, there, nm):
    assert distance_nm(*here, *there) == pytest.approx(nm, rel=2e-3, abs=1e-6)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_a_distance_is_the_same_both_ways_and_never_over_half_the_earth(lat1, lon1, lat2, lon2):
    there = distance_nm(lat1, lon1, lat2, lon2)
    assert 0 <= there <= HALF_ROUND + 1e-6
    assert distance_nm(lat2, lon2, lat1, lon1) == pytest.approx(there, abs=1e-6)
    assert distance_nm(lat1, lon1, lat1, lon1) == 0
