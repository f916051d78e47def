"""How PostgreSQL and Redis answer, as the list of breakers shows them.

They have no breaker: each call has its timeout, and the next tick is the probe. What is shown is
what a round trip showed just now, and the last failures that this process saw in that way.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
import redis
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from monitoring.errors import breaker_store
from monitoring.errors.breakers import describe
from monitoring.errors.kinds import BreakerState


class RoundTrip(msgspec.Struct, frozen=True):
    """One measurement; `state` is OPEN where it failed."""

    state: BreakerState
    failure_count: int  # measurements that failed since one succeeded
    last_failure_time: datetime | None
    last_failure_reason: str
    round_trip_ms: float | None  # null where it failed


@dataclass
class _Service:
    ask: Callable[[], object]
    failures: int = 0
    failed_at: datetime | None = None
    reason: str = ""

    def measure(self) -> RoundTrip:
        started = time.perf_counter()
        try:
            self.ask()
        except (DatabaseError, InterfaceError, redis.RedisError) as error:
            self.failures += 1
            self.failed_at, self.reason = timezone.now(), describe(error)
            return self._trip(BreakerState.OPEN, None)
        self.failures = 0
        return self._trip(BreakerState.CLOSED, (time.perf_counter() - started) * 1000)

    def _trip(self, state: BreakerState, milliseconds: float | None) -> RoundTrip:
        return RoundTrip(state, self.failures, self.failed_at, self.reason, milliseconds)


def measure() -> dict[str, RoundTrip]:
    """A round trip to each, made now."""
    return {name: service.measure() for name, service in _services.items()}


def _ask_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


_services = {
    "postgresql": _Service(_ask_postgresql),
    "redis": _Service(lambda: breaker_store.client().ping()),
}
