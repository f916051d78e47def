from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from collector.basemap import Box, Land, clip, read_land, rings_of, write_land

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)


def area(ring) -> float:
    x, y = ring.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def topology(*rings) -> dict:
    """TopoJSON with an arc for each ring, in steps of one degree."""
    return {
        "transform": {"scale": [1, 1], "translate": [-180, -90]},
        "arcs": [np.diff(np.add(ring, (180, 90)), axis=0, prepend=0).tolist() for ring in rings],
        "objects": {"land": {"geometries": [{"arcs": [[[i]] for i in range(len(rings))]}]}},
    }


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box(2, 2, 4, 5), 6),
        (Box(-5, -5, 20, 20), 100),
        (Box(5, -5, 20, 20), 50),
        (Box(8, 8, 20, 20), 4),
        (Box(20, 20, 30, 30), 0),
    ],
)
def test_clipping_keeps_what_lies_in_the_box(box, inside):
    clipped = clip(SQUARE, box)
    assert (area(clipped) if len(clipped) else 0) == pytest.approx(inside)
    assert (clipped >= (box.west, box.south)).all()
    assert (clipped <= (box.east, box.north)).all()


def test_clipping_a_triangle_cuts_its_edges_where_they_cross():
    triangle = np.array([[0, 0], [10, 0], [0, 10]], float)
    assert area(clip(triangle, Box(-1, -1, 5, 11))) == pytest.approx(50 - 12.5)


def test_a_ring_over_the_antimeridian_is_continuous():
    (ring,) = rings_of(topology([[178, 0], [-178, 0], [-178, 4], [178, 4], [178, 0]]))
    assert np.abs(np.diff(ring[:, 0])).max() == 4
    assert area(ring) == 16


def test_a_ring_around_a_pole_is_closed_through_it():
    coast = [[longitude, -70] for longitude in (-180, -90, 0, 90, 180)]
    (ring,) = rings_of(topology(coast))
    assert area(ring) == 360 * 20


def test_an_arc_may_be_used_backwards():
    shared = topology(SQUARE[[0, 1, 2]], SQUARE[[0, 3, 2]])
    shared["objects"]["land"]["geometries"] = [{"arcs": [[[0, ~1]]]}]
    (ring,) = rings_of(shared)
    assert area(ring) == 100


def test_land_is_found_whichever_way_round_the_earth():
    land = Land.of(SQUARE, np.array([0]))
    for turn in (-360, 0, 360):
        (found,) = land.within(Box(turn - 5, -5, turn + 5, 5))
        assert area(found) == 25


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "new" / "land.npz"
    assert read_land(path) is None
    write_land(path, [SQUARE, SQUARE + 20])
    first, second = read_land(path).within(Box(-180, -90, 180, 90))
    assert (first.tolist(), second.tolist()) == (SQUARE.tolist(), (SQUARE + 20).tolist())
    assert [file.name for file in path.parent.iterdir()] == ["land.npz"]


def test_the_command_says_what_brings_a_missing_package(tmp_path):
    with pytest.raises(CommandError, match="npm ci"):
        call_command("build_basemap", source=tmp_path / "land.json")


def test_the_command_makes_outlines_of_the_npm_package(tmp_path, settings):
    if not (source := Path(settings.BASE_DIR, "node_modules", "world-atlas")).exists():
        pytest.skip("npm has not installed world-atlas")
    settings.LAND_FILE = tmp_path / "land.npz"
    call_command("build_basemap", source=source / "land-50m.json")
    land = read_land(settings.LAND_FILE)
    inside_eurasia = list(land.within(Box(100, 60, 100.1, 60.1)))
    assert [area(ring) for ring in inside_eurasia] == [pytest.approx(0.01)]
    assert list(land.within(Box(-140, 0, -139, 1))) == []  # the Pacific
    pole = list(land.within(Box(0, -89.5, 1, -89)))
    assert sum(area(ring) for ring in pole) == pytest.approx(0.5)
