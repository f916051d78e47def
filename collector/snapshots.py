"""The live lists as bytes: rendered by the poll, kept in Redis and in the memory of each process.

Each list has a rendering for staff and one for the public. A process asks Redis at most once a
second whether there is a newer one; in between it serves out of its own memory. What Redis no
longer holds, because it is away or the poll stopped for longer than a list's lifetime, is not
here: `services/current.py` then renders the same rows out of PostgreSQL.
"""

import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

import msgspec
import redis
import zstandard
from django.conf import settings

from collector.buffer import connect
from collector.live import LiveFlight, LivePosition, NetworkStatus

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
_HEAD, _KNOWN, _HITS = "live:head", "live:known", "live:hits"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest feed that the live lists show. `received_at` is wall clock.

    `speed` is how many times as fast as recorded a replay runs, 1 for a running network.
    """

    feed_at: datetime
    received_at: datetime
    replayed: bool
    speed: float


@dataclass(slots=True)
class Rendering:
    """A list as JSON bytes. `version` differs wherever the bytes may."""

    name: ListName
    version: str
    body: bytes
    _encoded: dict[str, bytes] = field(default_factory=dict)
    _rows: Any = None

    def encoded(self, encoding: str) -> bytes:
        """The body as gzip, zstd or identity, compressed when first asked for."""
        if encoding == "identity":
            return self.body
        if encoding not in self._encoded:
            self._encoded[encoding] = _ENCODERS[encoding](self.body)
        return self._encoded[encoding]

    def rows(self) -> Any:
        """The rows, decoded when first asked for; they belong to everybody: don't change them."""
        if self._rows is None:
            self._rows = msgspec.json.decode(self.body, type=ROWS[self.name])
        return self._rows


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


_ENCODERS = {"gzip": _gzip, "zstd": lambda body: zstandard.ZstdCompressor(level=1).compress(body)}


@cache
def _redis() -> "redis.Redis[bytes]":
    return connect(settings.REDIS_CACHE_URL, TIMEOUT_S)


def _lifetime_s(name: ListName) -> int:
    return settings.CACHE_TTL_FLIGHT_DATA if name == "flights" else settings.CACHE_TTL_ATC_DATA


# --- Written by poll and flush ------------------------------------------------------------------


def publish(head: Head, version: str, bodies: dict[tuple[ListName, Audience], bytes]) -> None:
    """Replace the live lists."""
    pipe = _redis().pipeline(transaction=True)
    for (name, audience), body in bodies.items():
        key = f"live:{name}:{audience}"
        pipe.hset(key, mapping={"version": version, "body": body})
        pipe.expire(key, _lifetime_s(name))
    pipe.set(_HEAD, msgspec.json.encode(head))
    pipe.execute()


def contribute(contributor: str, fields: Any) -> None:
    """Leave what only PostgreSQL knows for the next poll to join, replacing what was left before.

    One value for each contributor: a field for each flight costs the poll ten times as much.
    """
    _redis().hset(_KNOWN, contributor, msgspec.msgpack.encode(fields))


def contributed(contributor: str, kind: Any) -> Any:
    """What `contribute` left last, as `kind`; None where there is nothing."""
    content = _redis().hget(_KNOWN, contributor)
    return msgspec.msgpack.decode(content, type=kind) if content else None


# --- Read by the web ----------------------------------------------------------------------------


class _Memory:
    """What this process holds: renderings, and when Redis was last asked about each."""

    def __init__(self) -> None:
        self.renderings: dict[tuple[ListName, Audience], Rendering | None] = {}
        self.checked: dict[Any, float] = {}
        self.head: Head | None = None
        self.counted: Counter[str] = Counter()
        self.lock = threading.Lock()

    def is_due(self, key: Any) -> bool:
        """Whether it is time to ask Redis; if so, nobody else is told the same."""
        now = time.monotonic()
        with self.lock:
            if now - self.checked.get(key, float("-inf")) < CHECK_EVERY_S:
                return False
            self.checked[key] = now
            return True


_memory = _Memory()


def forget() -> None:
    """Ask Redis again at the next call."""
    global _memory
    _memory = _Memory()


def get(name: ListName, audience: Audience) -> Rendering | None:
    """The newest rendering of a list, None where Redis has none or is away."""
    key = (name, audience)
    if _memory.is_due(key):
        _memory.renderings[key] = _refreshed(name, audience, _memory.renderings.get(key))
    else:
        _memory.counted["memory_hits"] += 1
    return _memory.renderings.get(key)


def _refreshed(name: ListName, audience: Audience, held: Rendering | None) -> Rendering | None:
    key = f"live:{name}:{audience}"
    try:
        _push_counts()
        version = _redis().hget(key, "version")
        if version is None:
            _memory.counted["misses"] += 1
            return None
        if held and held.version == version.decode():
            _memory.counted["memory_hits"] += 1
            return held
        version, body = _redis().hmget(key, "version", "body")
    except redis.RedisError:
        _memory.counted["misses"] += 1
        return None
    if version is None or body is None:
        return None
    _memory.counted["redis_hits"] += 1
    return Rendering(name, version.decode(), body)


def head() -> Head | None:
    """The newest feed of the live lists, None where Redis has none or is away."""
    if _memory.is_due(_HEAD):
        try:
            content = _redis().get(_HEAD)
            _memory.head = msgspec.json.decode(content, type=Head) if content else None
        except redis.RedisError:
            _memory.head = None
    return _memory.head


def warm() -> None:
    """Fill this process's memory, so that the first reader does not wait."""
    head()
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
    """How often a list came from memory, from Redis, or from neither, over all processes."""
    try:
        return {key.decode(): int(n) for key, n in _redis().hgetall(_HITS).items()}
    except redis.RedisError:
        return {}
