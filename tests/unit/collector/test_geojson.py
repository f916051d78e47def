from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.geojson import collection, point, track_feature
from tests.unit.collector.tracks_of import track


def test_a_place_is_longitude_before_latitude():
    assert point(50, 8) == {"type": "Point", "coordinates": (8, 50)}
    assert point(None, 8) is None


def test_a_collection_has_a_feature_a_row():
    features = collection([{"a": 1}], lambda _: None)["features"]
    assert features == [{"type": "Feature", "geometry": None, "properties": {"a": 1}}]


def test_one_piece_is_a_line():
    feature = track_feature([track([1, 2, 3])], {"flight": 7})
    assert feature["geometry"] == {"type": "LineString", "coordinates": [(1, 0), (2, 0), (3, 0)]}
    assert feature["properties"]["flight"] == 7
    assert feature["properties"]["times"][1] == datetime(2026, 3, 1, 12, 0, 15, tzinfo=UTC)
    assert feature["properties"]["altitude"] == [10_000] * 3


def test_pieces_are_lines_of_their_own_and_a_single_place_has_two_ends():
    geometry = track_feature([track([1, 2]), track([9])], {})["geometry"]
    assert geometry["type"] == "MultiLineString"
    assert geometry["coordinates"] == [[(1, 0), (2, 0)], [(9, 0), (9, 0)]]


def test_no_positions_have_no_geometry():
    assert track_feature([], {})["geometry"] is None


@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_is_cut_at_the_antimeridian(sign):
    feature = track_feature([track([179 * sign, -179 * sign], [10, 20])], {})
    assert feature["geometry"]["coordinates"] == [
        [(179 * sign, 10), (180 * sign, 15)],
        [(-180 * sign, 15), (-179 * sign, 20)],
    ]
    moment = datetime(2026, 3, 1, 12, 0, 7, 500_000, UTC)
    assert feature["properties"]["times"][0][-1] == moment


@given(st.lists(st.floats(-180, 180), min_size=1, max_size=20))
def test_no_line_ever_goes_around_the_world(longitudes):
    feature = track_feature([track(longitudes)], {})
    lines = feature["geometry"]["coordinates"]
    if feature["geometry"]["type"] == "LineString":
        lines = [lines]
    steps = [abs(a[0] - b[0]) for line in lines for a, b in pairwise(line)]
    assert max(steps) <= 180
    assert all(-180 <= place[0] <= 180 for line in lines for place in line)
