import numpy as np
import pytest

from collector.api.filters import Box

EUROPE, PACIFIC = Box(-10, 35, 30, 70), Box(170, -50, -120, 60)


@pytest.mark.parametrize(
    ("box", "latitude", "longitude", "inside"),
    [
        (EUROPE, 50, 8, True),
        (EUROPE, 70, 30, True),  # the edges belong to it
        (EUROPE, 50, -11, False),
        (EUROPE, 34.9, 8, False),
        (PACIFIC, 0, 180, True),
        (PACIFIC, 0, -180, True),
        (PACIFIC, 0, 0, False),
        (EUROPE, None, 8, False),
    ],
)
def test_a_box_holds_what_lies_in_it(box, latitude, longitude, inside):
    assert box.holds(latitude, longitude) is inside


def test_a_box_masks_columns():
    mask = PACIFIC.mask(np.array([0.0, 0.0, 80.0]), np.array([175.0, 100.0, 175.0]))
    assert mask.tolist() == [True, False, False]
