import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.segments import measure, segments
from tests.unit.collector.tracks_of import START_MS, track

NAN = float("nan")


def lengths(pieces) -> list[int]:
    return [len(piece) for piece in pieces]


def test_an_unbroken_track_is_one_piece():
    assert lengths(segments(track([0, 1, 2, 3]), [])) == [4]


def test_no_positions_are_no_pieces():
    assert segments(track([]), [START_MS]) == []


def test_it_breaks_after_the_last_feed_before_the_flight_left():
    assert lengths(segments(track([0, 1, 2, 3]), [START_MS + 16_000])) == [2, 2]
    assert lengths(segments(track([0, 1, 2, 3]), [START_MS + 15_000])) == [2, 2]


@pytest.mark.parametrize(("wait_s", "pieces"), [(300, [3]), (301, [2, 1])])
def test_it_breaks_where_nothing_came_for_over_five_minutes(wait_s, pieces):
    assert lengths(segments(track([0, 1, 2], seconds=[0, 15, 15 + wait_s]), [])) == pieces


@given(
    st.lists(st.integers(1, 400), max_size=30),
    st.lists(st.integers(-100, 10_000), max_size=5),
)
def test_no_position_is_lost_or_doubled(steps, left_s):
    seconds = [sum(steps[:i]) for i in range(len(steps))]
    whole = track(list(range(len(steps))), seconds=seconds)
    pieces = segments(whole, [START_MS + s * 1000 for s in left_s])
    assert [x for piece in pieces for x in piece.longitude] == whole.longitude.tolist()
    assert all(len(piece) for piece in pieces)


def test_what_lies_in_a_gap_is_not_flown():
    pieces = segments(track([0, 1, 11, 12]), [START_MS + 15_000])
    measures = measure(pieces)
    assert measures.distance_flown_nm == pytest.approx(120, abs=0.3)
    assert measures.great_circle_nm == pytest.approx(720, abs=1)
    assert (measures.positions, measures.gaps, measures.tracked_seconds) == (4, 1, 30)
    assert measures.top_speed_kt == pytest.approx(60 / 15 * 3600, rel=0.01)


def test_the_greatest_values_are_found_among_those_known():
    measures = measure([track([0, 1, 2], altitude=[NAN, 33_000, 12_000], groundspeed=[1, 2, NAN])])
    assert (measures.max_altitude, measures.max_groundspeed) == (33_000, 2)
    assert measure([track([0], altitude=[NAN])]).max_altitude is None


def test_too_few_positions_say_little():
    assert measure([]).great_circle_nm is None
    single = measure([track([5])])
    assert (single.positions, single.distance_flown_nm, single.top_speed_kt) == (1, 0, None)
