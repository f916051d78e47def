from datetime import timedelta

import pytest

from collector.freshness import freshness
from tests.unit.collector.factories import FEED_AT


@pytest.mark.parametrize(
    ("age_s", "state"),
    [(0, "fresh"), (59.9, "fresh"), (60, "stale"), (179.9, "stale"), (180, "outage")],
)
def test_a_feed_is_stale_from_60_s_and_an_outage_from_180_s(age_s, state):
    judged = freshness(FEED_AT, FEED_AT + timedelta(seconds=age_s), 60, 180)
    assert (judged.state, judged.age_s, judged.feed_at) == (state, age_s, FEED_AT)


def test_without_any_feed_it_is_an_outage_of_unknown_age():
    judged = freshness(None, FEED_AT, 60, 180)
    assert (judged.state, judged.age_s, judged.feed_at) == ("outage", None, None)


def test_a_feed_ahead_of_the_clock_has_no_negative_age():
    judged = freshness(FEED_AT, FEED_AT - timedelta(seconds=20), 60, 180)
    assert (judged.state, judged.age_s) == ("fresh", 0)
