"""How often anonymous readers may ask."""

import ipaddress
import logging
import math
import time
from functools import cache

import redis
from django.conf import settings
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from monitoring import client, runtime

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
REDIS_TIMEOUT_SECONDS = 0.5
# While Redis is away it is asked again only so often: a black hole would cost each request 0.5 s.
RETRY_REDIS_SECONDS = 5.0
# Whoever has one IPv6 address commonly has its whole /64.
IPV6_PREFIX = 64


class AnonymousThrottle(BaseThrottle):
    """PUBLIC_REQUESTS_PER_MINUTE for each client address, counted in fixed windows in Redis.

    A window costs one round trip a request. With Redis away everybody may ask: the throttle
    protects the service and must not be what ends it.
    """

    redis_away_until = 0.0  # of the monotonic clock, for the whole process

    def allow_request(self, request: Request, view: View) -> bool:
        """Whether this reader may ask once more in this window."""
        if request.user.is_authenticated or time.monotonic() < self.redis_away_until:
            return True
        try:
            asked = _count(_key(client.address(request)))
        except redis.RedisError as error:
            logger.warning("Redis is away, anonymous readers aren't throttled: %s", error)
            AnonymousThrottle.redis_away_until = time.monotonic() + RETRY_REDIS_SECONDS
            return True
        return asked <= runtime.current().public_requests_per_minute

    def wait(self) -> float:
        """Seconds until the next window."""
        return math.ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)


@cache
def _counters() -> redis.Redis:
    """The client of the counters; made at the first use, after the process has forked."""
    pool = redis.ConnectionPool.from_url(
        settings.REDIS_CACHE_URL,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    )
    return redis.Redis(connection_pool=pool)


def _key(address: str) -> str:
    return f"throttle:{_neighbourhood(address)}:{int(time.time() // WINDOW_SECONDS)}"


def _count(key: str) -> int:
    pipeline = _counters().pipeline(transaction=False)
    pipeline.incr(key)
    pipeline.expire(key, WINDOW_SECONDS)
    return int(pipeline.execute()[0])


def _neighbourhood(address: str) -> str:
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], IPV6_PREFIX), strict=False))
