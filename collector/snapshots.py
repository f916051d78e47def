"""The live lists as bytes: the newest feed, rendered when first asked for.

Redis holds the feed itself (the newest entry of the buffer) and what flush knows about it; the
poll says which feed is the newest (`publish`). Each process renders a list once for each feed and
audience, and serves the bytes out of its memory. It asks Redis at most once a second whether there
is a newer feed. What Redis no longer has, because it is away or the poll stopped for longer than a
list's lifetime, is not here: `services/current.py` then renders the same rows out of PostgreSQL.
"""

import hashlib
import threading
import time
import zlib
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

import msgspec
import redis
import zstandard
from django.conf import settings
from django.utils import timezone

from collector import live
from collector.buffer import FeedBuffer, RedisClient, connect
from collector.decoding import FeedRejected
from collector.feed import FeedError, unpack
from collector.known import Known
from collector.live import LiveFlight, LivePosition, NetworkStatus
from collector.parsing import Feed, parse_feed
from collector.privacy import hide_erased, pseudonym
from monitoring import runtime

ListName = Literal["flights", "positions", "network"]
Audience = Literal["staff", "public"]
AUDIENCES: tuple[Audience, ...] = ("staff", "public")
ROWS: dict[ListName, Any] = {
    "flights": list[LiveFlight],
    "positions": list[LivePosition],
    "network": NetworkStatus,
}
CHECK_EVERY_S = 1.0  # how long a process believes its own memory
TIMEOUT_S = 0.5  # of Redis, in a request
REST_S = 5.0  # before it is asked again: as a black hole it would cost each request its timeout
_HEAD, _KNOWN, _HITS = "live:head", "live:known", "live:hits"


class Head(msgspec.Struct, frozen=True):
    """The newest feed that can be shown. `received_at` is wall clock.

    `speed` is how many times as fast as recorded a replay runs, 1 for a running network.
    """

    feed_at: datetime
    received_at: datetime
    replayed: bool = False
    speed: float = 1.0


class Rendering:
    """A list as JSON bytes; equal bytes have equal versions."""

    def __init__(self, name: ListName, body: bytes) -> None:
        self.name = name
        self.body = body
        self.version = hashlib.blake2b(body, digest_size=12).hexdigest()
        self._encoded: dict[str, bytes] = {"identity": body}
        self._rows: Any = None

    def encoded(self, encoding: str) -> bytes:
        """The body as gzip, zstd or identity, compressed when first asked for."""
        if encoding not in self._encoded:
            self._encoded[encoding] = compressed(self.body, encoding)
        return self._encoded[encoding]

    def rows(self) -> Any:
        """The rows, decoded when first asked for; they belong to everybody: don't change them."""
        if self._rows is None:
            self._rows = msgspec.json.decode(self.body, type=ROWS[self.name])
        return self._rows


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(body)


_ENCODERS = {"gzip": _gzip, "zstd": _zstd}


def compressed(body: bytes, encoding: str) -> bytes:
    """Bytes as gzip or zstd."""
    return _ENCODERS[encoding](body)


@cache
def _redis() -> RedisClient:
    return connect(settings.REDIS_CACHE_URL, TIMEOUT_S)


@cache
def _buffer() -> FeedBuffer:
    return FeedBuffer(connect(settings.REDIS_BUFFER_URL, TIMEOUT_S))


# --- Written by poll and flush ------------------------------------------------------------------


def publish(head: Head) -> None:
    """Make a feed, which the buffer holds, the one that is shown."""
    _redis().set(_HEAD, msgspec.json.encode(head))


def withdraw() -> None:
    """Show no feed until the next is published."""
    _redis().delete(_HEAD)


def contribute(contributor: str, fields: Any) -> None:
    """Leave what only PostgreSQL knows, to be joined when the next feed is rendered.

    One value for each contributor: a field of a hash for each flight costs ten times as much.
    """
    _redis().hset(_KNOWN, contributor, msgspec.msgpack.encode(fields))


# --- Read by the web ----------------------------------------------------------------------------


class _Shown:
    """One feed and what was rendered of it."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.renderings: dict[tuple[ListName, Audience], Rendering] = {}
        self._lock = threading.Lock()
        self._feed: Feed | None = None
        self._known = Known()

    def rendering(self, name: ListName, audience: Audience) -> Rendering:
        """The list, rendered by whoever asks first while others wait.

        Raises `LookupError` if the buffer has the feed no more, and the errors of Redis.
        """
        key = (name, audience)
        with self._lock:
            if key not in self.renderings:
                self.renderings[key] = Rendering(name, self._render(name, audience))
            if len(self.renderings) == len(ROWS) * len(AUDIENCES):
                self._feed = None  # nothing is left to render
            return self.renderings[key]

    def _render(self, name: ListName, audience: Audience) -> bytes:
        feed = self._load()
        if name == "network":
            return msgspec.json.encode(live.network_status(feed))
        rows: list[Any] = (
            live.live_flights(feed.pilots.values(), self._known.flight_ids())
            if name == "flights"
            else live.live_positions(feed, self._known.stations())
        )
        if audience == "public":
            live.hide_members(rows, pseudonym)
        return msgspec.json.encode(rows)

    def _load(self) -> Feed:
        if self._feed is None:
            if _memory.rests():  # of those who waited for each other only the first has to ask
                raise LookupError("Redis was away a moment ago.")
            entry = _buffer().get(self.head.feed_at)
            content = _redis().hget(_KNOWN, "collector")
            if content:
                self._known = msgspec.msgpack.decode(content, type=Known)
            most = int(settings.FEED_MAX_MB * 2**20)
            self._feed = parse_feed(unpack(entry.data.stored, entry.data.encoding, most))
            hide_erased(self._feed, frozenset(self._known.erased))
        return self._feed


class _Memory:
    """What this process holds, and when Redis was last asked."""

    def __init__(self) -> None:
        self.shown: _Shown | None = None
        self.checked_at = float("-inf")  # of the monotonic clock
        self.counted: Counter[str] = Counter()
        self.lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether it is time to ask Redis; if so, nobody else is told the same."""
        now = time.monotonic()
        with self.lock:
            if now - self.checked_at < CHECK_EVERY_S:
                return False
            self.checked_at = now
            return True

    def rest(self) -> None:
        """Redis is away: ask it later."""
        self.checked_at = time.monotonic() + REST_S - CHECK_EVERY_S

    def rests(self) -> bool:
        """Whether Redis was away a moment ago."""
        return self.checked_at > time.monotonic()


_memory = _Memory()


def forget() -> None:
    """Ask Redis again at the next call."""
    global _memory
    _memory = _Memory()


def get(name: ListName, audience: Audience) -> Rendering | None:
    """The newest rendering of a list, None where Redis has none or is away.

    Where an operator lets the public see names, it gets what staff get.
    """
    if runtime.current().public_names:
        audience = "staff"
    shown = _newest()
    if shown is None or _is_over(name, shown.head):
        _memory.counted["misses"] += 1
        return None
    rendering = shown.renderings.get((name, audience))
    if rendering:
        _memory.counted["hits"] += 1
        return rendering
    _memory.counted["misses"] += 1
    try:
        return shown.rendering(name, audience)
    except redis.RedisError:
        _memory.rest()
    except (LookupError, FeedError, FeedRejected):
        pass
    return None


def _newest() -> _Shown | None:
    if _memory.is_due():
        try:
            _push_counts()
            content = _redis().get(_HEAD)
        except redis.RedisError:
            _memory.rest()
            return _memory.shown
        head = msgspec.json.decode(content, type=Head) if content else None
        if head is None or _memory.shown is None or head != _memory.shown.head:
            _memory.shown = _Shown(head) if head else None
    return _memory.shown


def _is_over(name: ListName, head: Head) -> bool:
    lifetime_s = (
        settings.CACHE_TTL_FLIGHT_DATA if name == "flights" else settings.CACHE_TTL_ATC_DATA
    )
    return timezone.now() - head.received_at > timedelta(seconds=lifetime_s)


def head() -> Head | None:
    """The newest feed that can be shown, None where Redis has none."""
    shown = _newest()
    return shown.head if shown else None


def warm() -> None:
    """Render every list, so that the first reader does not wait."""
    for name in ROWS:
        for audience in AUDIENCES:
            get(name, audience)


def _push_counts() -> None:
    counted, _memory.counted = _memory.counted, Counter()
    if counted:
        pipe = _redis().pipeline(transaction=False)
        for outcome, n in counted.items():
            pipe.hincrby(_HITS, outcome, n)
        pipe.execute()


def hits() -> dict[str, int]:
    """How often a list was there in memory (`hits`) or not (`misses`), over all processes."""
    try:
        counted = _redis().hgetall(_HITS)
    except redis.RedisError:
        return {}
    return {outcome.decode(): int(n) for outcome, n in counted.items()}
