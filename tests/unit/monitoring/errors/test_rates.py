"""What rises against its usual rate."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.errors.rates import DAYS, rate_of

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)


def days_before(*counts: int) -> dict[datetime, int]:
    return {NOW - timedelta(days=n + 1): count for n, count in enumerate(counts)}


def test_the_same_hour_of_the_days_before_says_what_is_usual() -> None:
    other_hours = {NOW - timedelta(hours=n): 1000 for n in range(1, 24)}
    rate = rate_of({NOW: 12, **days_before(*[4] * DAYS), **other_hours}, NOW, LONG_AGO)
    assert (rate.count, rate.usual, rate.days, rate.ratio) == (12, 4.0, DAYS, 3.0)
    assert rate.is_rising


def test_a_day_without_errors_counts_as_none_and_one_before_the_beginning_not_at_all() -> None:
    assert rate_of({NOW: 1, **days_before(7)}, NOW, LONG_AGO).usual == 1.0
    young = rate_of({NOW: 1, **days_before(7)}, NOW, NOW - timedelta(days=1))
    assert (young.usual, young.days) == (7.0, 1)
    new = rate_of({NOW: 5}, NOW, NOW)
    assert (new.usual, new.days, new.ratio) == (0.0, 0, None)
    assert new.is_rising


@pytest.mark.parametrize(
    ("count", "usual", "rises"),
    [(2, 0, False), (3, 0, True), (5, 3, False), (9, 3, True), (150, 100, False), (201, 100, True)],
)
def test_only_clearly_more_than_usual_is_a_rise(count: int, usual: int, rises: bool) -> None:
    rate = rate_of({NOW: count, **days_before(*[usual] * DAYS)}, NOW, LONG_AGO)
    assert rate.is_rising is rises
