"""How often anonymous readers may ask."""

import ipaddress
import logging
import math
import threading
import time
from collections import Counter
from functools import cache, lru_cache

import redis
from django.conf import settings
from django.http import HttpRequest
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from monitoring import client, runtime

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
SHARE_SECONDS = 1.0  # between round trips to Redis
REDIS_TIMEOUT_SECONDS = 0.5
# While Redis is away it is asked again only so often: a black hole would cost each request 0.5 s.
RETRY_REDIS_SECONDS = 5.0
# Whoever has one IPv6 address commonly has its whole /64.
IPV6_PREFIX = 64
_COUNTED = "monitoring.counted"  # in a request's META


class AnonymousThrottle(BaseThrottle):
    """PUBLIC_REQUESTS_PER_MINUTE for each client address, see `admits`."""

    redis_away_until = 0.0  # of the monotonic clock, for the whole process

    def allow_request(self, request: Request, view: View) -> bool:
        """Whether this reader may ask once more in this window."""
        request.META[_COUNTED] = True
        return request.user.is_authenticated or admits(request)

    def wait(self) -> float:
        """Seconds until the next window."""
        return math.ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)


class _Window:
    """What this process knows of one window: requests counted in Redis, and those not yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.shared: dict[str, int] = {}
        self.pending: Counter[str] = Counter()
        self.shared_at = float("-inf")  # of the monotonic clock

    def take_pending(self) -> Counter[str]:
        """What it is time to bring to Redis; whoever gets it brings it."""
        now = time.monotonic()
        resting = now < AnonymousThrottle.redis_away_until
        if resting or now - self.shared_at < SHARE_SECONDS:
            return Counter()
        self.shared_at = now
        pending, self.pending = self.pending, Counter()
        return pending


_window = _Window(0)
_lock = threading.Lock()


def forget() -> None:
    """Begin to count anew in this process."""
    global _window
    _window = _Window(0)


def has_counted(request: Request) -> bool:
    """Whether the throttle has seen this request."""
    return _COUNTED in request.META


def admits(request: HttpRequest) -> bool:
    """Count one request of an anonymous reader, and tell whether it is within the limit.

    Requests are counted in memory and brought to Redis once a second, all addresses in one round
    trip: so a request costs next to nothing, and processes know of each other a second later.
    With Redis away everybody may ask: the throttle protects the service and must not be what
    ends it.
    """
    global _window
    number = int(time.time() // WINDOW_SECONDS)
    neighbourhood = _neighbourhood(client.address(request))
    with _lock:
        if number != _window.number:
            _window = _Window(number)
        window = _window
        window.pending[neighbourhood] += 1
        asked = window.shared.get(neighbourhood, 0) + window.pending[neighbourhood]
        to_share = window.take_pending()
    if to_share:
        asked = max(asked, _share(window, to_share).get(neighbourhood, 0))
    is_blind = time.monotonic() < AnonymousThrottle.redis_away_until
    return is_blind or asked <= runtime.current().public_requests_per_minute


def _share(window: _Window, counted: Counter[str]) -> dict[str, int]:
    """Bring what was counted here to Redis, and learn what all processes counted."""
    try:
        window.shared |= _count(window.number, counted)
    except redis.RedisError as error:
        logger.warning("Redis is away, anonymous readers aren't throttled: %s", error)
        AnonymousThrottle.redis_away_until = time.monotonic() + RETRY_REDIS_SECONDS
    return window.shared


def _count(number: int, pending: Counter[str]) -> dict[str, int]:
    pipeline = _counters().pipeline(transaction=False)
    for neighbourhood, requests in pending.items():
        key = f"throttle:{neighbourhood}:{number}"
        pipeline.incrby(key, requests)
        pipeline.expire(key, WINDOW_SECONDS)
    return dict(zip(pending, pipeline.execute()[::2], strict=True))


@cache
def _counters() -> redis.Redis:
    """The client of the counters; made at the first use, after the process has forked."""
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_CACHE_URL,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    )
    return redis.Redis(connection_pool=pool)


@lru_cache(maxsize=10_000)
def _neighbourhood(address: str) -> str:
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], IPV6_PREFIX), strict=False))
