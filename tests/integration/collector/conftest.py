"""A made-up network that went through the pipeline."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from django.utils import timezone

from collector.buffer import FeedBuffer
from collector.feed import Body, pack
from collector.models import Source
from collector.services import flushing
from collector.services.flushing import FlushResult, flush
from collector.services.polling import Fetched, take
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


@pytest.fixture
def buffer() -> FeedBuffer:
    """An empty buffer, and a flush that remembers nothing of another test."""
    buffer = FeedBuffer()
    buffer.redis.flushdb()
    flushing.forget_state()
    yield buffer
    buffer.redis.flushdb()
    flushing.forget_state()


@pytest.fixture
def play(db, buffer) -> Callable[..., FlushResult]:
    """Take bodies of the simulated network, or those given with their transceivers, and flush."""
    Source.objects.get_or_create(pk=1, defaults={"kind": Source.Kind.SIMULATED})

    def play(bodies: Iterable[tuple[bytes, bytes | None]]) -> FlushResult:
        for data, transceivers in bodies:
            radios = body(transceivers) if transceivers else None
            take(Fetched(body(data), radios, "", timezone.now(), 0.1), buffer, "simulated")
        return flush(buffer)

    return play


@pytest.fixture
def replayed_network(play) -> list[datetime]:
    """Eight feeds of a made-up network are stored; their times."""
    feeds = times(8)
    play(simulated(at) for at in feeds)
    return feeds
