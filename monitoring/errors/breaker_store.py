"""Where breakers keep their condition: in Redis for all processes, else in this process alone.

The conditions lie in the broker's database, which never evicts; Django empties the cache's as a
whole. One script changes them, so that no two processes can probe at once, and the clock is that
of Redis. While Redis is away every process goes by what it sees itself, under the same rules; Redis
is asked again only every few seconds, since a black hole would cost each call a timeout.
"""

import logging
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from monitoring.errors.breaker_policy import Condition, Message, Policy, Reply, exchange

logger = logging.getLogger(__name__)

KEY = "monitoring:breakers"
TIMEOUT_S = 0.5
ASK_AGAIN_S = 5.0  # while Redis is away
FORGOTTEN_MS = 24 * 3600 * 1000  # a breaker that nobody used for so long is gone
SCRIPT = Path(__file__).with_name("breakers.lua").read_text()


class BreakerStore:
    """The conditions of all breakers; a process has one store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: dict[str, Condition] = {}  # while Redis is away
        self._away_until = float("-inf")  # of the monotonic clock

    def exchange(self, name: str, policy: Policy, message: Message) -> Reply:
        """Say something to a breaker; its answer."""
        if time.monotonic() >= self._away_until:
            try:
                reply = _exchange_shared(name, policy, message)
            except redis.RedisError as error:
                self._note_away(error)
            else:
                self._own.clear()
                return reply
        with self._lock:
            own = self._own.setdefault(name, Condition())
            return exchange(own, policy, message, now_ms())

    def conditions(self) -> dict[str, Condition]:
        """Every breaker's condition, by name: as Redis has it, else this process."""
        if time.monotonic() >= self._away_until:
            try:
                return _shared_conditions()
            except redis.RedisError as error:
                self._note_away(error)
        with self._lock:
            return dict(self._own)

    def forget(self, name: str) -> None:
        """Remove a breaker whose subject is gone."""
        self._own.pop(name, None)
        try:
            client().hdel(KEY, name)
        except redis.RedisError as error:
            self._note_away(error)

    def _note_away(self, error: redis.RedisError) -> None:
        self._away_until = time.monotonic() + ASK_AGAIN_S
        logger.warning("Redis is away, breakers act for this process alone: %s", error)


def now_ms() -> int:
    """The wall clock, in milliseconds of the epoch."""
    return time.time_ns() // 1_000_000


@cache
def client() -> Any:  # redis describes answers of bytes and of text at once
    """The connections of this process."""
    return redis.Redis.from_url(
        settings.REDIS_BROKER_URL,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


@cache
def _script() -> Any:
    return client().register_script(SCRIPT)


def _exchange_shared(name: str, policy: Policy, message: Message) -> Reply:
    words = [name, msgspec.json.encode(policy), msgspec.json.encode(message)]
    return msgspec.json.decode(_script()(keys=[KEY], args=words), type=Reply)


def _shared_conditions() -> dict[str, Condition]:
    stored = client().hgetall(KEY)
    known = {
        name.decode(): msgspec.json.decode(condition, type=Condition)
        for name, condition in stored.items()
    }
    oldest = now_ms() - FORGOTTEN_MS
    if gone := [name for name, condition in known.items() if condition.seen_at < oldest]:
        client().hdel(KEY, *gone)
    return {name: known[name] for name in sorted(known.keys() - set(gone))}
