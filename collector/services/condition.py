"""How the parts that collecting needs are now, each measured."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from redis import RedisError

from collector import snapshots
from collector.buffer import Depth, FeedBuffer, connect
from collector.freshness import Freshness
from collector.live import NetworkStatus
from collector.models import Poll
from collector.services import current, past
from collector.snapshots import Head
from monitoring import runtime

Condition = Literal["healthy", "degraded", "unhealthy"]
_OF_STATE: dict[str, Condition] = {"fresh": "healthy", "stale": "degraded", "outage": "unhealthy"}
T = TypeVar("T")
# Without these nothing current can be shown or kept; without the others something still works.
VITAL = ("database", "feed")


@dataclass(frozen=True, slots=True)
class Report:
    """The condition of each service, and what the newest feed says."""

    services: dict[str, Condition]
    age: Freshness
    head: Head | None
    network: NetworkStatus | None

    @property
    def overall(self) -> Condition:
        """Unhealthy where a vital service is, degraded where anything is not healthy."""
        if any(self.services[name] == "unhealthy" for name in VITAL):
            return "unhealthy"
        return "healthy" if set(self.services.values()) == {"healthy"} else "degraded"


def _of_feed(age: Freshness) -> Condition:
    is_late = age.age_s is not None and age.age_s >= runtime.current().feed_warn_seconds
    return "degraded" if is_late and age.state == "fresh" else _OF_STATE[age.state]


def report() -> Report:
    """Measure everything once. PostgreSQL is waited for once, however much would be asked of it."""
    has_database, stored = _try(past.newest_poll)
    has_cache, _ = _try(_use_cache)
    # Of the same server: nobody waits for it twice.
    _, depth = _try(_depth) if has_cache else (False, None)
    head = snapshots.head() or (current.head() if has_database else None)
    age = current.age_of(head)
    services: dict[str, Condition] = {
        "database": "healthy" if has_database else "unhealthy",
        "cache": "healthy" if has_cache else "unhealthy",
        "buffer": _of_buffer(depth) if depth else "unhealthy",
        "feed": _of_feed(age),
        "flush": _of_flush(head, stored) if has_database else "unhealthy",
    }
    return Report(services, age, head, _network(has_database))


def _try(ask: Callable[[], T]) -> "tuple[bool, T | None]":
    """Whether a server answers, and what."""
    try:
        return True, ask()
    except (DatabaseError, InterfaceError, RedisError):
        return False, None


def _use_cache() -> None:
    cache.set("condition", "asked", timeout=5)
    cache.get("condition")


def _depth() -> Depth:
    return FeedBuffer(connect(settings.REDIS_BUFFER_URL, snapshots.TIMEOUT_S)).depth()


def _of_buffer(depth: Depth) -> Condition:
    share = depth.bytes / (settings.BUFFER_MAX_MB * 2**20)
    return "unhealthy" if share >= 1 else "degraded" if share >= 0.5 else "healthy"


def _of_flush(head: Head | None, stored: Poll | None) -> Condition:
    """By how far the newest stored feed is behind the newest one, in the feeds' own time."""
    if head is None:
        return "healthy"
    behind = head.feed_at - stored.feed_at if stored else timedelta.max
    operations = runtime.current()
    if behind >= timedelta(seconds=operations.feed_outage_seconds):
        return "unhealthy"
    stale = timedelta(seconds=operations.feed_stale_seconds)
    return "degraded" if behind >= stale else "healthy"


def _network(has_database: bool) -> NetworkStatus | None:
    rendering = snapshots.get("network", "public")
    if rendering is None and has_database:
        rendering = current.rendering("network", "public")
    return rendering.rows() if rendering else None
