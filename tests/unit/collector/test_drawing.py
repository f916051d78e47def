import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from django.template.loader import render_to_string

from collector.basemap import Land
from collector.drawing import MAP_HEIGHT, MOST_POINTS, WIDTH, Drawing, draw_track
from collector.tracks import Track

STEP_MS = 15_000


def track(latitude, longitude, altitude=None, groundspeed=None, since_ms=0) -> Track:
    """Positions every 15 s."""
    count = len(latitude)
    unknown = np.full(count, np.nan)
    return Track(
        flight_id=np.full(count, 1),
        at_ms=since_ms + STEP_MS * np.arange(count),
        latitude=np.array(latitude, float),
        longitude=np.array(longitude, float),
        altitude=unknown if altitude is None else np.array(altitude, float),
        groundspeed=unknown if groundspeed is None else np.array(groundspeed, float),
        heading=unknown,
        qnh_i_hg=unknown,
    )


def places(path: str) -> list[tuple[float, float]]:
    """The points of a path, in SVG units."""
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def longest_step(drawing: Drawing) -> float:
    """The longest straight stroke of the track."""
    steps = [np.diff(places(line.path), axis=0) for line in drawing.lines]
    return max(np.hypot(*step.T).max() for step in steps if len(step))


def test_a_flight_without_positions_has_no_drawing():
    assert draw_track([]) is None


def test_a_single_position_is_a_dot_in_the_middle():
    drawing = draw_track([track([50], [8], [400])])
    assert [line.path for line in drawing.lines] == [f"M{WIDTH / 2},{MAP_HEIGHT / 2}h0"]
    assert drawing.start == drawing.end


def test_a_single_position_has_a_frame_with_graticule_and_scale_and_no_profile():
    drawing = draw_track([track([50], [8], [400])], SQUARE)
    assert drawing.profile is None
    assert len([mark for mark in drawing.degrees if mark.text.endswith("N")]) > 1
    assert len([mark for mark in drawing.degrees if mark.text.endswith("E")]) > 1
    assert 1 <= drawing.scale.nm <= 10


@pytest.mark.parametrize(
    ("latitude", "longitude"), [((50, 51), (8, 8)), ((-0.1, 0), (8, 8)), ((-85, 85), (0, 0))]
)
def test_the_scale_is_as_long_as_it_says(latitude, longitude):
    drawing = draw_track([track(latitude, longitude)])
    nm = 60 * (latitude[1] - latitude[0])
    assert drawing.scale.length / drawing.scale.nm == pytest.approx(
        longest_step(drawing) / nm, rel=0.01
    )
    assert WIDTH / 20 < drawing.scale.length <= WIDTH / 4


def test_every_position_lies_on_the_map():
    drawing = draw_track([track(np.linspace(40, 52, 300), np.linspace(-74, 0, 300))])
    points = [point for line in drawing.lines for point in places(line.path)]
    assert all(0 < x < WIDTH and 0 < y < MAP_HEIGHT for x, y in points)
    assert (drawing.start.x, drawing.start.y) == points[0]
    assert (drawing.end.x, drawing.end.y) == points[-1]


def test_a_mile_is_as_long_northwards_as_eastwards():
    north = draw_track([track([60, 61], [10, 10])])
    east = draw_track([track([60.5, 60.5], [9, 11])])
    # Two degrees of longitude there are as long as one of latitude (to 1.5 %), and the map is
    # twice as wide as high: each fills its direction.
    assert longest_step(north) / MAP_HEIGHT == pytest.approx(longest_step(east) / WIDTH, rel=0.01)


@pytest.mark.parametrize(("first", "last"), [(178.0, -178.0), (-179.5, 179.5)])
def test_a_track_over_the_antimeridian_is_drawn_the_short_way(first, last):
    longitude = (np.linspace(first, first + (last - first + 180) % 360 - 180, 50) + 180) % 360 - 180
    drawing = draw_track([track(np.linspace(-20, -10, 50), longitude)])
    assert longest_step(drawing) < WIDTH / 20
    assert any(mark.text in {"180°W", "180°E"} for mark in drawing.degrees)


def test_nothing_is_drawn_across_a_gap():
    before = track([50, 50.1, 50.2], [8, 8.1, 8.2])
    after = track([52, 52.1], [12, 12.1], since_ms=3_600_000)
    drawing = draw_track([before, after])
    assert [len(places(line.path)) for line in drawing.lines] == [3, 2]
    assert longest_step(drawing) < WIDTH / 10
    assert drawing.profile.altitude == ""


def test_the_curves_of_altitude_and_speed_break_at_a_gap():
    before = track([50, 50.1], [8, 8.1], [0, 1000], [0, 100])
    after = track([52, 52.1], [12, 12.1], [9000, 8000], [300, 290], since_ms=3_600_000)
    profile = draw_track([before, after]).profile
    assert profile.altitude.count("M") == profile.groundspeed.count("M") == 2
    assert (profile.top_altitude_ft, profile.top_groundspeed_kt) == (9000, 300)


def test_lines_change_colour_with_altitude_and_hang_together():
    drawing = draw_track([track([50, 50.1, 50.2, 50.3], [8] * 4, [500, 12_000, np.nan, 35_000])])
    assert [line.band for line in drawing.lines] == ["0", "2", "unknown", "4"]
    ends = [places(line.path) for line in drawing.lines]
    assert all(a[-1] == b[0] for a, b in pairwise(ends))


def test_a_long_track_is_drawn_with_few_points_and_keeps_the_ends_of_its_pieces():
    first = track(np.linspace(0, 10, 20_000), np.linspace(0, 10, 20_000))
    second = track(np.linspace(20, 30, 777), np.linspace(20, 30, 777), since_ms=10**9)
    drawing = draw_track([first, second])
    drawn = [places(line.path) for line in drawing.lines]
    assert sum(map(len, drawn)) <= MOST_POINTS + 4
    whole = draw_track([track([0, 10, 20, 30], [0, 10, 20, 30])])
    assert [points[i] for points in drawn for i in (0, -1)] == places(whole.lines[0].path)


def test_a_track_over_a_pole_stays_finite():
    drawing = draw_track([track([89, 90, 89], [0, 0, 180])])
    assert all(np.isfinite(places(line.path)).all() for line in drawing.lines)


def test_the_clock_names_whole_hours():
    drawing = draw_track([track([50] * 961, np.linspace(0, 40, 961), since_ms=1_700_000_000_000)])
    assert [mark.text for mark in drawing.profile.clock] == [
        "22:30", "23:00", "23:30", "00:00", "00:30", "01:00", "01:30", "02:00",
    ]  # fmt: skip


SQUARE = Land.of(np.array([[0, 40], [10, 40], [10, 50], [0, 50]], float), np.array([0]))


def test_land_is_cut_to_the_map():
    drawing = draw_track([track([44, 46], [4, 6])], SQUARE)
    corners = places(drawing.land)
    assert set(corners) == {(0, 0), (WIDTH, 0), (WIDTH, MAP_HEIGHT), (0, MAP_HEIGHT)}


def test_land_far_away_is_not_drawn():
    assert draw_track([track([-44, -46], [4, 6])], SQUARE).land == ""


def test_land_on_the_other_side_of_the_antimeridian_is_drawn():
    island = Land.of(np.array([[-179, 0], [-178, 0], [-178, 1], [-179, 1]], float), np.array([0]))
    drawing = draw_track([track([0, 1], [178, -176])], island)
    assert len(places(drawing.land)) == 4


def test_the_drawing_is_well_formed_and_escapes_the_callsign():
    drawing = draw_track([track([50, 51], [8, 9], [500, 900], [100, 120])], SQUARE)
    hostile = {"callsign": '"><script>alert(1)</script>'}
    for part in ("map", "profile"):
        html = render_to_string(
            f"admin/collector/flight/{part}.html", {"drawing": drawing, "original": hostile}
        )
        root = ET.fromstring(html)  # noqa: S314 # our own
        assert hostile["callsign"] in root.attrib["aria-label"]
        assert not root.findall(".//script")
