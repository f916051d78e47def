"""How old the newest feed is, and what that means."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FeedState = Literal["fresh", "stale", "outage"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """The age of the newest feed in seconds, None where there never was one."""

    feed_at: datetime | None
    age_s: float | None
    state: FeedState


def freshness(
    feed_at: datetime | None, now: datetime, stale_s: float, outage_s: float
) -> Freshness:
    """Judge a feed of `feed_at` at `now`; no feed at all is an outage."""
    if feed_at is None:
        return Freshness(None, None, "outage")
    age_s = max(0.0, (now - feed_at).total_seconds())
    state: FeedState = "outage" if age_s >= outage_s else "stale" if age_s >= stale_s else "fresh"
    return Freshness(feed_at, age_s, state)
