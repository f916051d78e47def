"""Keeps fetched feeds in Redis until they are in PostgreSQL, and the newest for the live lists.

A feed's entry in the stream has its own time in milliseconds as id. Redis takes only ids that are
greater than all before, so a second poller, a repeated or an older feed can't enter. Polls that
brought nothing go to a second stream, which is capped.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from collector.identity import epoch_ms

FEEDS, FAILURES, FLUSHED = "collector:feeds", "collector:failures", "collector:flushed"
MOST_FAILURES = 1000
TIMEOUT_S = 5.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RedisClient = Any  # redis describes answers of bytes and of text at once


@dataclass(frozen=True, slots=True)
class Document:
    """A body as it came: compressed bytes, how, and the size of what is inside."""

    stored: bytes
    encoding: str
    size: int


@dataclass(frozen=True, slots=True)
class BufferedFeed:
    """A feed between fetch and flush.

    `source` says what kind of network it shows, which must be that of the database. `fetched_at`
    is wall clock. `correlation_id` is that of the poll, and so of all that follows from it.
    """

    source: str
    feed_at: datetime
    data: Document
    transceivers: Document | None
    transceivers_error: str
    fetched_at: datetime
    fetch_seconds: float
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A poll that brought no new feed. `at` is wall clock."""

    entry_id: str
    at: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Depth:
    """How full the buffer is; times are those of feeds."""

    feeds: int
    bytes: int
    oldest_at: datetime | None
    newest_at: datetime | None


class Appended(Enum):
    """What became of a feed that was offered."""

    TAKEN = "taken"
    NOT_NEW = "not_new"
    FULL = "full"


def connect(url: str, timeout_s: float = TIMEOUT_S) -> RedisClient:
    """A client that gives up after `timeout_s`, without trying again by itself."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=10,
    )


class FeedBuffer:
    """The stream of feeds and the stream of failures."""

    def __init__(self, client: RedisClient | None = None) -> None:
        self.redis = client or connect(settings.REDIS_BUFFER_URL)

    def append(self, feed: BufferedFeed) -> Appended:
        """Add a feed if it is newer than all before and there is room."""
        if self.bytes() > settings.BUFFER_MAX_MB * 2**20:
            return Appended.FULL
        try:
            self.redis.xadd(FEEDS, _pack(feed), id=f"{epoch_ms(feed.feed_at)}-0")
        except redis.ResponseError as error:
            if "equal or smaller" not in str(error):
                raise
            return Appended.NOT_NEW
        return Appended.TAKEN

    def feeds(self, after: datetime | None = None) -> Iterator[BufferedFeed]:
        """The buffered feeds in the order of their times, read one by one."""
        start = f"({epoch_ms(after)}-0" if after else "-"
        while entries := self.redis.xrange(FEEDS, min=start, count=1):
            entry_id, fields = entries[0]
            yield _unpack(entry_id, fields)
            start = f"({entry_id.decode()}"

    def get(self, feed_at: datetime) -> BufferedFeed:
        """One feed; raises `LookupError` if it is not here."""
        entry_id = f"{epoch_ms(feed_at)}-0"
        entries = self.redis.xrange(FEEDS, min=entry_id, max=entry_id)
        if not entries:
            raise LookupError(f"The buffer has no feed of {feed_at:%Y-%m-%dT%H:%M:%SZ}.")
        return _unpack(*entries[0])

    def flushed(self, feed_at: datetime) -> None:
        """Note that a feed is in PostgreSQL, and forget those before it.

        It stays itself, since the live lists are made of it.
        """
        milliseconds = epoch_ms(feed_at)
        self.redis.set(FLUSHED, milliseconds)
        self.redis.xtrim(FEEDS, minid=f"{milliseconds}-0", approximate=False)

    def forget_flushed(self) -> None:
        """Forget also the one that stays after it was flushed; the live lists do without it."""
        if flushed := self.redis.get(FLUSHED):
            self.redis.xtrim(FEEDS, minid=f"{flushed.decode()}-1", approximate=False)

    def reopen(self, newest: datetime | None) -> None:
        """Let in feeds later than `newest`, the newest that PostgreSQL has, and refuse no others.

        The buffer remembers later ones where it served another database, or a backup was restored.
        Feeds that wait to be flushed stay.
        """
        flushed = self.redis.get(FLUSHED)
        if flushed and int(flushed) > epoch_ms(newest or EPOCH) and not self.depth().feeds:
            self.redis.delete(FEEDS, FLUSHED)

    def bytes(self) -> int:
        """Memory that the feeds take."""
        return self.redis.memory_usage(FEEDS) or 0

    def depth(self) -> Depth:
        """How much is not in PostgreSQL yet."""
        flushed = self.redis.get(FLUSHED)
        waiting_since = f"({flushed.decode()}-0" if flushed else "-"
        oldest = self.redis.xrange(FEEDS, min=waiting_since, count=1)
        newest = self.redis.xrevrange(FEEDS, min=waiting_since, count=1)
        kept = bool(flushed and self.redis.xrange(FEEDS, max=f"{flushed.decode()}-0", count=1))
        return Depth(
            feeds=self.redis.xlen(FEEDS) - kept,
            bytes=self.bytes(),
            oldest_at=_time_of(oldest[0][0]) if oldest else None,
            newest_at=_time_of(newest[0][0]) if newest else None,
        )

    def note_failure(self, at: datetime, reason: str, message: str) -> None:
        """Remember a poll that brought nothing; the oldest are forgotten first."""
        fields: dict[Any, Any] = {"at": at.isoformat(), "reason": reason, "message": message[:500]}
        self.redis.xadd(FAILURES, fields, maxlen=MOST_FAILURES)

    def failures(self) -> list[Failure]:
        """The failures that are not in PostgreSQL yet."""
        return [
            Failure(
                entry_id=entry_id.decode(),
                at=datetime.fromisoformat(fields[b"at"].decode()),
                reason=fields[b"reason"].decode(),
                message=fields[b"message"].decode(),
            )
            for entry_id, fields in self.redis.xrange(FAILURES)
        ]

    def trim_failures(self, failures: list[Failure]) -> None:
        """Forget failures that are in PostgreSQL."""
        if failures:
            self.redis.xdel(FAILURES, *(failure.entry_id for failure in failures))


def _pack(feed: BufferedFeed) -> dict[Any, Any]:
    head = {
        "source": feed.source,
        "fetched_at": feed.fetched_at.isoformat(),
        "fetch_seconds": feed.fetch_seconds,
        "correlation_id": feed.correlation_id,
        "transceivers_error": feed.transceivers_error,
        "data": [feed.data.encoding, feed.data.size],
    }
    fields: dict[Any, Any] = {"data": feed.data.stored}
    if feed.transceivers:
        head["transceivers"] = [feed.transceivers.encoding, feed.transceivers.size]
        fields["transceivers"] = feed.transceivers.stored
    return {"head": json.dumps(head), **fields}


def _unpack(entry_id: bytes, fields: dict[bytes, bytes]) -> BufferedFeed:
    head = json.loads(fields[b"head"])
    transceivers = fields.get(b"transceivers")
    return BufferedFeed(
        source=head["source"],
        feed_at=_time_of(entry_id),
        data=Document(fields[b"data"], *head["data"]),
        transceivers=Document(transceivers, *head["transceivers"]) if transceivers else None,
        transceivers_error=head["transceivers_error"],
        fetched_at=datetime.fromisoformat(head["fetched_at"]),
        fetch_seconds=head["fetch_seconds"],
        correlation_id=head["correlation_id"],
    )


def _time_of(entry_id: bytes) -> datetime:
    return EPOCH + timedelta(milliseconds=int(entry_id.partition(b"-")[0]))
