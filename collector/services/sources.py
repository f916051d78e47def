"""Where the feed comes from: decided once for a database, and remembered there."""

import random
import time
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import msgspec
from django.conf import settings
from django.db import transaction
from redis import RedisError

from collector import buffer, feed
from collector.models import Source
from monitoring.errors import reporting
from monitoring.errors.breakers import Breaker, BreakerOpen
from monitoring.errors.kinds import Strategy
from monitoring.outgoing import hostname

ANSWERS_WITHIN_S = 5.0  # how long "auto" waits for the live network
READ_AGAIN_AFTER_S = 600.0  # VATSIM asks that its status file be read again so often
LAST_DIRECTORIES = "collector:directories"  # by the status file's address: what it last said
SERVICE = "collector"


def breaker(name: str, failed_by: type[Exception] | tuple[()]) -> Breaker:
    """A breaker of one of VATSIM's documents: it opens early, and never for long."""
    return Breaker(
        name,
        failed_by=failed_by,
        failures=min(3, settings.CIRCUIT_BREAKER_FAILURE_THRESHOLD),
        most_open_s=2 * settings.CIRCUIT_BREAKER_TIMEOUT,
        probe_s=settings.VATSIM_API_TIMEOUT + 1,
        service=SERVICE,
    )


DIRECTORY = breaker("directory", feed.FeedError)


class SourceConflict(Exception):
    """Settings that want another source than the database was made for; says so in a sentence."""


def limits() -> feed.Limits:
    """The limits of a fetch, from the settings."""
    return feed.Limits(
        total_seconds=settings.VATSIM_API_TIMEOUT,
        compressed_bytes=int(settings.FEED_MAX_COMPRESSED_MB * 2**20),
        decompressed_bytes=int(settings.FEED_MAX_MB * 2**20),
        attempts=1 + settings.VATSIM_API_RETRY_ATTEMPTS,
    )


def wanted_kind() -> str | None:
    """The kind of source that FEED names, None for "auto"."""
    if settings.FEED == "auto":
        return None
    known = {"live": Source.Kind.LIVE, "simulated": Source.Kind.SIMULATED}
    return known.get(settings.FEED, Source.Kind.RECORDED)


def decide_source() -> Source:
    """The database's source; with "auto", live if the network answers at the first start.

    Raises `SourceConflict` where FEED wants another one than was decided before.
    """
    wanted = wanted_kind()
    with transaction.atomic():
        decided = Source.objects.select_for_update().first()
        if decided is None:
            kind = wanted or (Source.Kind.LIVE if live_answers() else Source.Kind.SIMULATED)
            return Source.objects.get_or_create(pk=1, defaults={"kind": kind})[0]
    if wanted and wanted != decided.kind:
        raise SourceConflict(
            f"FEED asks for {Source.Kind(wanted).label}, but this database holds "
            f"{Source.Kind(decided.kind).label}, and the two are never mixed: "
            "use another VAR_DIR or DATABASE_URL."
        )
    return decided


def claim(kind: Source.Kind) -> None:
    """Make an empty database one for `kind`. Raises `SourceConflict` where it is another's."""
    decided, _ = Source.objects.get_or_create(pk=1, defaults={"kind": kind})
    if decided.kind != kind:
        raise SourceConflict(
            f"This database holds {Source.Kind(decided.kind).label}, which is never mixed with "
            f"{kind.label}: use another VAR_DIR or DATABASE_URL."
        )


def live_answers() -> bool:
    """Whether the live network can be fetched now, within five seconds."""
    try:
        feed.fetch(addresses(), replace(limits(), total_seconds=ANSWERS_WITHIN_S, attempts=1))
    except feed.FeedError:
        return False
    return True


def addresses() -> feed.Addresses:
    """Where to fetch next: what the operator configured, else one at random of VATSIM's list."""
    if settings.VATSIM_API_URL:
        own = settings.VATSIM_TRANSCEIVERS_URL or None
        return feed.Addresses.configured(settings.VATSIM_API_URL, own)
    chosen = _directory().choose(random.SystemRandom())
    if settings.VATSIM_TRANSCEIVERS_URL:
        own = settings.VATSIM_TRANSCEIVERS_URL
        trusted = chosen.trusted_hosts | {hostname(own)}
        return feed.Addresses(chosen.data, own, trusted)
    return chosen


def count_retry(document: str, succeeded: bool, seconds: float) -> None:
    """Count a further attempt to fetch a document."""
    reporting.count_recovery(
        Strategy.RETRY, document, succeeded=succeeded, seconds=seconds, service=SERVICE
    )


def _directory() -> feed.Directory:
    """What the status file says; where it can't be had, what it said last."""
    try:
        return _read_directory(int(time.monotonic() / READ_AGAIN_AFTER_S))
    except BreakerOpen as error:
        failure: feed.FeedError = feed.FeedUnavailable("breaker_open", str(error))
    except feed.FeedError as error:
        reporting.report(error, service=SERVICE, operation="read_directory")
        failure = error
    last = _last_directory()
    reporting.count_recovery(
        Strategy.FALLBACK, "directory", succeeded=last is not None, service=SERVICE
    )
    if last is None:
        raise failure
    return last


@lru_cache(maxsize=1)
def _read_directory(_period: int) -> feed.Directory:
    """The status file, read once in each period."""
    url = settings.VATSIM_STATUS_URL
    third = replace(limits(), total_seconds=settings.VATSIM_API_TIMEOUT / 3)
    directory = DIRECTORY.call(feed.read_directory, url, third, count_retry)
    with suppress(RedisError):
        _redis().hset(LAST_DIRECTORIES, url, msgspec.json.encode(directory))
    return directory


def _last_directory() -> feed.Directory | None:
    with suppress(RedisError):
        if stored := _redis().hget(LAST_DIRECTORIES, settings.VATSIM_STATUS_URL):
            return msgspec.json.decode(stored, type=feed.Directory)
    return None


def _redis() -> buffer.RedisClient:
    return buffer.connect(settings.REDIS_BUFFER_URL)
