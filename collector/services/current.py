"""The live lists and their age: out of Redis, else the same rows out of PostgreSQL.

What is read from PostgreSQL is kept in this process for a few seconds, so that a burst of readers
costs one query. Where neither of the two answers, what was last read goes on serving.
"""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone

from collector import snapshots
from collector.freshness import Freshness, freshness
from collector.live import hide_members
from collector.models import Source
from collector.privacy import pseudonym
from collector.services import past
from collector.snapshots import Audience, Head, ListName, Rendering
from monitoring import runtime

KEPT_S = 3.0  # how long what PostgreSQL said is believed

T = TypeVar("T")


def rendering(name: ListName, audience: Audience) -> Rendering | None:
    """A live list; None before the first feed. Raises Django's errors with neither store."""
    shown = snapshots.get(name, audience)
    if shown is None and runtime.current().public_names:
        audience = "staff"
    return shown or _stored(name, audience).get()


def head() -> Head | None:
    """The newest feed, None before the first."""
    return snapshots.head() or _stored_head.get()


def age() -> Freshness:
    """How old the newest feed is now."""
    return age_of(head())


def age_of(newest: Head | None) -> Freshness:
    """How old a feed is now, by the wall clock."""
    operations, now = runtime.current(), timezone.now()
    feed_at = newest.feed_at if newest else None
    if newest and newest.replayed:
        # The recording's own time says nothing: what counts is how long no feed has come.
        waited = (now - newest.received_at) * (newest.speed or 1.0)
        now = newest.feed_at + waited
    return freshness(feed_at, now, operations.feed_stale_seconds, operations.feed_outage_seconds)


def forget() -> None:
    """Read PostgreSQL again at the next call."""
    _stored.cache_clear()
    _stored_head.forget()


# --- Out of PostgreSQL --------------------------------------------------------------------------


class _Kept(Generic[T]):
    """What a function read, for `KEPT_S`; one thread reads while the others wait for it."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._value: T | None = None
        self._has_value = False
        self._read_at = float("-inf")

    def get(self) -> T:
        """The value; an older one while PostgreSQL is away, an OperationalError with none."""
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_S:
                self._refresh()
            if not self._has_value:
                raise OperationalError("PostgreSQL was away a moment ago.")
            return self._value  # type: ignore[return-value] # it has one

    def _refresh(self) -> None:
        try:
            self._value, self._has_value = self._read(), True
        except (DatabaseError, InterfaceError):
            if not self._has_value:
                raise
        finally:
            # After the attempt: whoever waited for a failed one must not wait once more.
            self._read_at = time.monotonic()


@cache
def _stored(name: ListName, audience: Audience) -> _Kept[Rendering | None]:
    return _Kept(lambda: _render(name, audience))


def _read_head() -> Head | None:
    poll = past.newest_poll()
    if poll is None:
        return None
    replayed = Source.objects.filter(kind=Source.Kind.RECORDED).exists()
    return Head(poll.feed_at, poll.fetched_at, replayed, settings.FEED_SPEED if replayed else 1.0)


_stored_head = _Kept(_read_head)


def _render(name: ListName, audience: Audience) -> Rendering | None:
    poll = past.newest_poll()
    if poll is None:
        return None
    if name == "network":
        return Rendering(name, msgspec.json.encode(past.network(poll.feed_at)))
    rows: Any = _ROWS[name](poll.feed_at)
    if audience == "public":
        hide_members(rows, pseudonym)
    return Rendering(name, msgspec.json.encode(rows))


_ROWS = {"flights": past.flights, "positions": past.positions}
