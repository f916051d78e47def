from datetime import UTC, datetime, timedelta

import pytest

from collector.services.replaying import Pace

START = datetime(2021, 4, 21, 15, 30, tzinfo=UTC)


def due(speed: float, gaps_s: list[float], busy_s: float = 0.0) -> list[float]:
    """When each feed is played, on a clock that begins at 100, if storing one takes `busy_s`."""
    pace, at, now, played = Pace(speed), START, 100.0, []
    for gap_s in [0.0, *gaps_s]:
        at += timedelta(seconds=gap_s)
        now += pace.pause_s(at, now)
        played.append(now)
        now += busy_s
    return played


def test_feeds_are_played_at_the_gaps_at_which_they_were_recorded():
    assert due(1, [15, 30]) == [100, 115, 145]


def test_a_faster_replay_divides_the_gaps():
    assert due(10, [15, 30]) == [100, 101.5, 104.5]


@pytest.mark.parametrize(("speed", "pause_s"), [(1, 60), (4, 15)])
def test_no_gap_takes_longer_than_a_minute_of_the_recording(speed, pause_s):
    assert due(speed, [86_400]) == [100, 100 + pause_s]


def test_speed_zero_never_waits():
    assert due(0, [15, 86_400], busy_s=2) == [100, 102, 104]


def test_the_time_that_storing_takes_counts_as_waited():
    assert due(1, [15, 15], busy_s=10) == [100, 115, 130]


def test_a_backlog_is_not_made_up_for_in_a_burst():
    assert due(1, [15, 15], busy_s=20) == [100, 120, 140]
