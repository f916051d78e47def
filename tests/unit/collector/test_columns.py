from datetime import UTC, datetime

import numpy as np

from collector.columns import integers, numbers, times


def test_nan_is_none():
    assert integers(np.array([1.0, np.nan, -3.0])) == [1, None, -3]
    assert numbers(np.array([29.92, np.nan])) == [29.92, None]
    assert integers(np.array([])) == numbers(np.array([])) == []


def test_times_are_aware_and_exact():
    assert times(np.array([1_772_366_400_007])) == [datetime(2026, 3, 1, 12, 0, 0, 7000, UTC)]
