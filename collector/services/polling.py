"""Fetches the feed and puts it where flush and web find it. Touches no table."""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from django.conf import settings

from collector import feed as http
from collector.buffer import Appended, BufferedFeed, Document, FeedBuffer
from collector.decoding import FeedRejected
from collector.guard import has_changed_for_good, implausible
from collector.models import Source
from collector.parsing import Counts, read_counts
from collector.pausing import garbage_collection_paused
from collector.services import sources
from collector.snapshots import Head, publish
from monitoring import correlation, runtime
from monitoring.errors import reporting
from monitoring.errors.breakers import BreakerOpen

MOST_AHEAD = timedelta(minutes=5)  # of the wall clock; a feed further ahead would shut out others
LOCK = "collector:polling"  # keeps a second poller from asking VATSIM again at once
PLAUSIBLE = "collector:plausible"

FEED = sources.breaker("feed", http.FeedError)
TRANSCEIVERS = sources.breaker("transceivers", ())  # which are missing rather than an error


class Outcome(StrEnum):
    """What a poll brought."""

    TAKEN = "taken"
    HELD = "held"  # buffered, but implausible: not shown
    NOT_NEW = "not_new"
    FULL = "full"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"  # somebody else polls, or an operator switched polling off


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll brought, and why not more."""

    outcome: Outcome
    feed_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The two bodies of one moment, wherever they come from; `at` is wall clock."""

    data: http.Body
    transceivers: http.Body | None
    transceivers_error: str
    at: datetime
    seconds: float


@garbage_collection_paused()
def poll(now: datetime) -> PollResult:
    """Fetch the feed once and take what it brings."""
    buffer = FeedBuffer()
    operations = runtime.current()
    if not operations.poll_enabled:
        return PollResult(Outcome.SKIPPED, reason="polling is switched off")
    if not buffer.redis.set(LOCK, b"1", nx=True, px=round(settings.POLL_LOCK_SECONDS * 1000)):
        return PollResult(Outcome.SKIPPED, reason="another poll began a moment ago")
    try:
        fetched = _fetch(now, operations.collect_transceivers)
    except BreakerOpen as error:
        buffer.note_failure(now, "breaker_open", str(error))
        return PollResult(Outcome.FAILED, reason=str(error))
    except http.FeedError as error:
        reporting.report(error, service=sources.SERVICE, operation="poll")
        buffer.note_failure(now, error.reason, str(error))
        return PollResult(Outcome.FAILED, reason=str(error))
    kind = sources.wanted_kind() or Source.Kind.LIVE
    return take(fetched, buffer, kind, latest=now + MOST_AHEAD)


def _fetch(now: datetime, with_transceivers: bool) -> Fetched:
    started = time.monotonic()
    with FEED.guard():
        addresses = sources.addresses()
        if not with_transceivers:
            addresses = replace(addresses, transceivers=None)
        left_s = settings.VATSIM_API_TIMEOUT - (time.monotonic() - started)
        fetch = _fetch_documents(addresses, replace(sources.limits(), total_seconds=left_s))
    return Fetched(fetch.data, fetch.transceivers, fetch.transceivers_error, now, fetch.seconds)


def _fetch_documents(addresses: http.Addresses, limits: http.Limits) -> http.Fetch:
    """Fetch the data, and the transceivers unless they have failed for a while."""
    if addresses.transceivers is None:
        return http.fetch(addresses, limits, sources.count_retry)
    try:
        with TRANSCEIVERS.guard() as call:
            fetch = http.fetch(addresses, limits, sources.count_retry)
            if fetch.transceivers_error:
                call.fail(fetch.transceivers_error)
            return fetch
    except BreakerOpen:
        data_alone = replace(addresses, transceivers=None)
        fetch = http.fetch(data_alone, limits, sources.count_retry)
        return replace(fetch, transceivers_error="breaker_open")


def take(
    fetched: Fetched,
    buffer: FeedBuffer,
    kind: str,
    *,
    latest: datetime | None = None,
    replay_speed: float | None = None,
) -> PollResult:
    """Buffer a feed that is new, and show it if it can be true.

    A feed later than `latest` is refused. `replay_speed` is given for recorded feeds.
    """
    try:
        counts = _counts(fetched.data.content, latest)
    except FeedRejected as error:
        reporting.report(error, service=sources.SERVICE, operation="poll")
        buffer.note_failure(fetched.at, error.reason, str(error))
        return PollResult(Outcome.REFUSED, reason=str(error))
    appended = buffer.append(_entry(fetched, counts.feed_at, kind))
    if appended is not Appended.TAKEN:
        buffer.note_failure(fetched.at, appended.value, _REASONS[appended])
        return PollResult(Outcome(appended.value), counts.feed_at, _REASONS[appended])
    if reason := _judge(counts, buffer):
        return PollResult(Outcome.HELD, counts.feed_at, reason)
    head = Head(counts.feed_at, fetched.at, replay_speed is not None, replay_speed or 1.0)
    publish(head)
    return PollResult(Outcome.TAKEN, counts.feed_at)


_REASONS = {
    Appended.NOT_NEW: "update_timestamp did not advance",
    Appended.FULL: "the buffer is full",
}


def _counts(content: bytes, latest: datetime | None) -> Counts:
    counts = read_counts(content)
    if latest and counts.feed_at > latest:
        raise FeedRejected("future", f"The feed is of {counts.feed_at:%Y-%m-%dT%H:%M:%SZ}.")
    return counts


def _entry(fetched: Fetched, feed_at: datetime, kind: str) -> BufferedFeed:
    return BufferedFeed(
        source=kind,
        feed_at=feed_at,
        data=_document(fetched.data),
        transceivers=_document(fetched.transceivers) if fetched.transceivers else None,
        transceivers_error=fetched.transceivers_error,
        fetched_at=fetched.at,
        fetch_seconds=fetched.seconds,
        correlation_id=correlation.current() or correlation.choose(""),
    )


def _document(body: http.Body) -> Document:
    return Document(body.stored, body.encoding, len(body.content))


class _Plausible(msgspec.Struct):
    """What the next feed is judged by, kept in Redis: poll knows no table."""

    accepted: list[tuple[datetime, int]] = []
    held: list[tuple[datetime, int]] = []


def _judge(counts: Counts, buffer: FeedBuffer) -> str:
    """Why a feed can't be shown yet, or an empty string; the flush judges for itself."""
    rules = settings.RULES
    content = buffer.redis.get(PLAUSIBLE)
    known = msgspec.json.decode(content, type=_Plausible) if content else _Plausible()
    reason = implausible(counts, known.accepted, rules)
    if reason:
        known.held.append((counts.feed_at, counts.pilots))
        if has_changed_for_good(known.held[0][0], counts.feed_at, rules):
            reason, known = "", _Plausible(known.held)
    else:
        since = counts.feed_at - timedelta(seconds=rules.quarantine_window_s)
        recent = [pair for pair in known.accepted if since <= pair[0] < counts.feed_at]
        known = _Plausible([*recent, (counts.feed_at, counts.pilots)])
    buffer.redis.set(PLAUSIBLE, msgspec.json.encode(known))
    return reason
