"""Whether something happens more often than it usually does at this hour of the day."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import sqrt

import msgspec

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAYS = 7  # before, whose same hour says what is usual
LEAST = 3  # errors in an hour that can be a rise at all
TIMES = 2.0  # the usual number, at least
DEVIATIONS = 3.0  # above it; of a Poisson distribution, whose variance is its mean


class Rate(msgspec.Struct, frozen=True):
    """How many in an hour, and how many in the same hour of the days before."""

    hour: datetime
    count: int
    usual: float  # mean of those days
    days: int  # that are known: none in a new installation
    ratio: float | None  # null where there usually are none

    @property
    def is_rising(self) -> bool:
        """Whether that is clearly more, and not chance."""
        by_chance = self.usual + DEVIATIONS * sqrt(self.usual)
        return self.count >= LEAST and self.count >= TIMES * self.usual and self.count > by_chance


def rate_of(counts: Mapping[datetime, int], hour: datetime, since: datetime) -> Rate:
    """The rate in an hour; `since` is the first hour of which anything would be known."""
    days = [at for n in range(1, DAYS + 1) if (at := hour - n * DAY) >= since]
    usual = sum(counts.get(at, 0) for at in days) / len(days) if days else 0.0
    count = counts.get(hour, 0)
    return Rate(hour, count, usual, len(days), count / usual if usual else None)


def hours_needed(hour: datetime) -> list[datetime]:
    """The hours whose counts tell how an hour compares."""
    return [hour, *(hour - n * DAY for n in range(1, DAYS + 1))]
