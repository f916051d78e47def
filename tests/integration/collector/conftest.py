"""A made-up network that went through the pipeline."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import pytest
from django.utils import timezone

from collector import snapshots
from collector.buffer import FeedBuffer
from collector.models import Source
from collector.services import flushing
from collector.services.flushing import FlushResult, flush
from collector.services.polling import Fetched, PollResult, take
from tests.integration.collector.simulated import body, simulated, times


@pytest.fixture
def buffer() -> Iterator[FeedBuffer]:
    """An empty buffer, and a process that remembers nothing of another test."""
    buffer = FeedBuffer()
    buffer.redis.flushdb()
    flushing.forget_state()
    snapshots.forget()
    yield buffer
    buffer.redis.flushdb()
    flushing.forget_state()


@pytest.fixture
def take_feed(db, buffer) -> Callable[..., PollResult]:
    """Put data, and transceivers if there are some, into the buffer of a made-up network."""
    Source.objects.get_or_create(pk=1, defaults={"kind": Source.Kind.SIMULATED})

    def take_feed(data: bytes, transceivers: bytes | None = None) -> PollResult:
        radios = body(transceivers) if transceivers else None
        return take(Fetched(body(data), radios, "", timezone.now(), 0.1), buffer, "simulated")

    return take_feed


@pytest.fixture
def play(take_feed, buffer) -> Callable[..., FlushResult]:
    """Take bodies, each with its transceivers or None, one after the other, and flush."""

    def play(bodies: Iterable[tuple[bytes, bytes | None]]) -> FlushResult:
        for data, transceivers in bodies:
            take_feed(data, transceivers)
        return flush(buffer)

    return play


@pytest.fixture
def replayed_network(play) -> list[datetime]:
    """Eight feeds of a made-up network are stored; their times."""
    feeds = times(8)
    play(simulated(at) for at in feeds)
    return feeds
