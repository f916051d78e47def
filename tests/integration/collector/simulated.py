"""Feeds of a made-up network, as a fetch brings them."""

from datetime import UTC, datetime, timedelta
from functools import cache

from collector.feed import Body, pack
from collector.simulation.network import Network

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AIRCRAFT = 60


@cache
def simulated(feed_at: datetime) -> tuple[bytes, bytes]:
    """Data and transceivers of a made-up network at a time."""
    return _network().data(feed_at), _network().transceivers(feed_at)


@cache
def _network() -> Network:
    return Network(seed=3, aircraft=AIRCRAFT)


def times(feeds: int, step_s: float = 15) -> list[datetime]:
    """The times of successive feeds."""
    return [START + timedelta(seconds=step_s * i) for i in range(feeds)]


def body(content: bytes) -> Body:
    """A document as a fetch brings it."""
    return Body(content, *pack(content), 200, 0.1)
