"""Moves what the buffer holds into PostgreSQL, feed by feed in the order of feed times.

A transaction holds whole feeds. The feed's row goes in first; where it is there already the feed
is skipped. So rows do not depend on how feeds were grouped, on restarts or on repeats.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from collector.buffer import BufferedFeed, Document, FeedBuffer
from collector.decoding import FeedRejected, Rejects
from collector.feed import FeedError, unpack
from collector.guard import has_changed_for_good, implausible
from collector.known import known
from collector.models import ErasedMember, FailedPoll, Poll, Source
from collector.parsing import Feed, parse_feed, parse_transceivers
from collector.pausing import garbage_collection_paused
from collector.privacy import hide_erased
from collector.services.announcing import announce_cached
from collector.services.recording import (
    Radios,
    record_dropped,
    record_rejected,
    store_feed,
)
from collector.services.state import NetworkState, load_state
from collector.snapshots import contribute
from monitoring import runtime
from monitoring.errors import reporting

logger = logging.getLogger(__name__)

MOST_FEEDS, MOST_SECONDS = 20, 10.0  # of one transaction
# What the content of a feed may cause, however carefully it was parsed; not that a server is away.
UNSTORABLE = (DataError, IntegrityError, RecursionError, ValueError)
LOCK = 0x5654_464C  # the advisory lock of flushes against each other


@dataclass(slots=True)
class FlushResult:
    """What a flush did. `skipped` feeds were stored before, or came after a newer one.

    `busy` says that another flush was at work; `reloads` counts how often the state had to be
    read from PostgreSQL.
    """

    stored: int = 0
    dropped: int = 0
    rejected: int = 0
    skipped: int = 0
    held: int = 0
    positions: int = 0
    reloads: int = 0
    busy: bool = False

    def add(self, done: "FlushResult") -> None:
        """Count what a transaction did once it is committed."""
        for name in ("stored", "dropped", "rejected", "skipped", "positions", "reloads"):
            setattr(self, name, getattr(self, name) + getattr(done, name))
        self.held = done.held


@dataclass(slots=True)
class _Kept:
    """The state that the last transaction of this process left, and what proves it current."""

    state: NetworkState
    source: str
    erasures: int
    erased: frozenset[int]


_kept: _Kept | None = None


@garbage_collection_paused()
def flush(buffer: FeedBuffer | None = None, seconds: float = 30.0) -> FlushResult:
    """Store what the buffer holds; after `seconds` leave the rest to the next call."""
    buffer = buffer or FeedBuffer()
    result = FlushResult()
    end = time.monotonic() + seconds
    _store_failures(buffer)
    while time.monotonic() < end and _flush_on(buffer, result):
        pass
    return result


def _flush_on(buffer: FeedBuffer, result: FlushResult) -> bool:
    """One transaction, or as many as it takes to get past a feed that can't be stored."""
    try:
        return _flush_some(buffer, result)
    except UNSTORABLE:
        logger.exception("A feed can't be stored; trying one by one.")
    try:
        while _flush_some(buffer, result, most=1):
            pass
    except UNSTORABLE as error:
        _reject_next(buffer, f"{type(error).__name__}: {error}")
        result.rejected += 1
        return True
    return False


def _reject_next(buffer: FeedBuffer, reason: str) -> None:
    """Give the next feed that has no row one that says why it can't be stored."""
    with transaction.atomic():
        feed_at = _current(FlushResult()).state.feed_at
        for entry in buffer.feeds(after=feed_at):
            if record_rejected(entry, reason):
                return


def forget_state() -> None:
    """Make the next flush of this process read its state from PostgreSQL."""
    global _kept
    _kept = None


def _flush_some(buffer: FeedBuffer, result: FlushResult, most: int = MOST_FEEDS) -> bool:
    """One transaction; whether there may be more to do."""
    global _kept
    done = FlushResult()
    with transaction.atomic():
        if not _lock():
            result.busy = True
            return False
        kept = _current(done)
        # Until the commit nobody may take it for what PostgreSQL holds.
        _kept = None
        batch = _Batch(kept, done, most)
        more = batch.run(buffer.feeds(after=kept.state.feed_at))
    _kept = kept
    result.add(done)
    if kept.state.feed_at:
        # Also where nothing was stored: the flush before may have ended before it trimmed.
        buffer.flushed(kept.state.feed_at)
    if batch.stored:
        _contribute(kept)
        announce_cached(kept.state, batch.correlation_id)
    return more


def refresh_lists() -> None:
    """Leave for the live lists what PostgreSQL holds now, without waiting for the next feed."""
    _contribute(_current(FlushResult()))


def _contribute(kept: _Kept) -> None:
    state = kept.state
    contribute(
        "collector",
        known(
            state.flights.open.values(),
            state.controllers.open.values(),
            state.tunings.current,
            kept.erased,
        ),
    )


def _lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _current(result: FlushResult) -> _Kept:
    """The kept state if PostgreSQL has not moved on without it, else what PostgreSQL holds."""
    accepted = Poll.objects.accepted()
    newest = accepted.values_list("feed_at", flat=True).first()
    source = Source.objects.get()
    if _kept and _kept.state.feed_at == newest and _kept.erasures == source.erasures:
        return _kept
    result.reloads += 1
    erased = frozenset(ErasedMember.objects.values_list("pseudonym", flat=True))
    return _Kept(load_state(), source.kind, source.erasures, erased)


class _Batch:
    """The feeds of one transaction.

    Held feeds stay in the buffer until later ones show whether the network really changed.
    """

    def __init__(self, kept: _Kept, result: FlushResult, most: int) -> None:
        self.most = most
        self.state = kept.state
        self.source = kept.source
        self.erased = kept.erased
        self.result = result
        self.held: list[tuple[BufferedFeed, str]] = []
        self.stored = 0
        self.correlation_id = ""  # of the poll that brought the newest stored feed

    def run(self, feeds: Iterator[BufferedFeed]) -> bool:
        """Apply feeds until the transaction is full; whether it was."""
        end = time.monotonic() + MOST_SECONDS
        for entry in feeds:
            self._take(entry)
            if self.stored >= self.most or time.monotonic() > end:
                return self.stored > 0
        self.result.held = len(self.held)
        return False

    def _take(self, entry: BufferedFeed) -> None:
        try:
            feed = self._parse(entry)
        except (FeedRejected, FeedError) as error:
            reporting.report(error, service="collector", operation="flush")
            record_rejected(entry, str(error))
            self.result.rejected += 1
            return
        rules = self.state.flights.rules
        reason = implausible(feed.counts, self.state.accepted, rules)
        if not reason:
            self._drop_held()
            self._store(entry, feed)
            return
        self.held.append((entry, reason))
        if has_changed_for_good(self.held[0][0].feed_at, entry.feed_at, rules):
            held, self.held = self.held, []
            # From the first of them on the network is judged by what it is now.
            self.state.accepted = []
            self._store(held[0][0], self._parse(held[0][0]), held[0][1])
            for earlier, _ in held[1:]:
                self._store(earlier, self._parse(earlier))

    def _parse(self, entry: BufferedFeed) -> Feed:
        if entry.source != self.source:
            raise FeedRejected("source", f"{entry.source} data can't enter this database.")
        feed = parse_feed(_content(entry.data))
        hide_erased(feed, self.erased)
        if not runtime.current().collect_prefiles:
            feed.prefiles = {}
        return feed

    def _drop_held(self) -> None:
        for entry, reason in self.held:
            record_dropped(entry, self._parse(entry), reason)
        self.result.dropped += len(self.held)
        self.held = []

    def _store(self, entry: BufferedFeed, feed: Feed, changed: str = "") -> None:
        """Store a feed; `changed` tells how the network changed for good with it."""
        radios, error = _radios(entry, feed.rejects)
        if error:
            entry = replace(entry, transceivers_error=error)
        positions = store_feed(entry, feed, radios, self.state, changed)
        if positions is None:
            self.result.skipped += 1
        else:
            self.stored += 1
            self.correlation_id = entry.correlation_id
            self.result.stored += 1
            self.result.positions += positions


def _content(document: Document) -> bytes:
    most = int(settings.FEED_MAX_MB * 2**20)
    return unpack(document.stored, document.encoding, most)


def _radios(entry: BufferedFeed, rejects: Rejects) -> tuple[Radios | None, str]:
    """The radios that came with a feed, or what was wrong with them all."""
    if entry.transceivers is None:
        return None, ""
    try:
        radios, rejected = parse_transceivers(_content(entry.transceivers))
    except (FeedRejected, FeedError) as error:
        return None, str(error)
    rejects.include(rejected)
    return radios, ""


def _store_failures(buffer: FeedBuffer) -> None:
    failures = buffer.failures()
    FailedPoll.objects.bulk_create(
        [
            FailedPoll(entry_id=f.entry_id, at=f.at, reason=f.reason, message=f.message)
            for f in failures
        ],
        ignore_conflicts=True,
    )
    buffer.trim_failures(failures)
