"""Stores one feed, within the transaction of its flush."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from collector import decoding
from collector.buffer import BufferedFeed
from collector.counts import count
from collector.identity import FlightChanges
from collector.models import Poll, Reference, RejectedRecord, UnknownKey
from collector.parsing import Feed
from collector.records import Controller, Key, Transceiver
from collector.services import earlier
from collector.services.announcing import announce_refused, announce_stored
from collector.services.state import NetworkState
from collector.services.writing import (
    write_flights,
    write_prefiles,
    write_sessions,
    write_tunings,
)
from collector.sessions import SessionChanges, Sessions
from monitoring.errors import reporting
from monitoring.errors.kinds import Strategy
from monitoring.errors.records import RecoveryRecord

Radios = dict[str, list[Transceiver]]


def store_feed(
    entry: BufferedFeed, feed: Feed, radios: Radios | None, state: NetworkState, changed: str = ""
) -> int | None:
    """Apply a feed to the state, store what it changed, and tell of it.

    `changed` is the reason for which it, and feeds after it, were held back for a while.

    Answers the number of new positions, None if the feed was stored before.
    """
    if not _insert_poll(
        entry, Poll.Outcome.ACCEPTED, changed, has_transceivers=radios is not None, **count(feed)
    ):
        return None
    flights = _store_flights(feed, state)
    controllers = _store_sessions(feed.feed_at, state.controllers, feed.controllers, "controllers")
    _store_sessions(feed.feed_at, state.atis, feed.atis, "atis")
    if radios is not None:
        stations = {callsign for _, callsign in chain(feed.controllers, feed.atis)}
        write_tunings(state.tunings.advance(feed.feed_at, radios, stations))
    _note_references(feed, state)
    _note_oddities(feed, len(flights.positions))
    announce_stored(entry, feed, flights, controllers)
    state.accept(feed.feed_at, len(feed.pilots))
    return len(flights.positions)


def _store_flights(feed: Feed, state: NetworkState) -> FlightChanges:
    # A prefile leaves the feed in which its pilot comes.
    waiting = state.prefiles.open.copy()
    prefiles = state.prefiles.advance(feed.feed_at, feed.prefiles)
    waiting |= state.prefiles.open
    flights = state.flights.advance(
        feed.feed_at,
        feed.pilots,
        {key: prefile.plan for key, prefile in waiting.items()},
        earlier,
        decoding.extras_reader("pilots"),
    )
    write_prefiles(prefiles)
    write_flights(feed.feed_at, flights, waiting)
    for kind, changes in (("prefiles", prefiles), ("pilots", flights)):
        for reason, record in changes.rejected_plans:
            feed.rejects.add(kind, reason, record)
    return flights


def _store_sessions(
    feed_at: datetime, sessions: Sessions, records: Mapping[Key, Controller], kind: str
) -> SessionChanges:
    changes = sessions.advance(feed_at, records, decoding.extras_reader(kind))
    write_sessions(feed_at, changes)
    return changes


def record_dropped(entry: BufferedFeed, feed: Feed, reason: str) -> None:
    """Keep the row of a feed that could not be true."""
    if _insert_poll(entry, Poll.Outcome.DROPPED, reason, **count(feed)):
        announce_refused(entry, Poll.Outcome.DROPPED, reason)


def record_rejected(entry: BufferedFeed, reason: str) -> bool:
    """Keep the row of a buffered body that is no feed; whether there was none."""
    is_new = _insert_poll(entry, Poll.Outcome.REJECTED, reason)
    if is_new:
        announce_refused(entry, Poll.Outcome.REJECTED, reason)
    return is_new


def _insert_poll(entry: BufferedFeed, outcome: Poll.Outcome, reason: str, **counts: Any) -> bool:
    """Whether the feed had no row yet."""
    values = {
        "feed_at": entry.feed_at,
        "outcome": outcome.value,
        "reason": reason[:200],
        "fetched_at": entry.fetched_at,
        "fetch_seconds": entry.fetch_seconds,
        "body_bytes": entry.data.size,
        "stored_bytes": len(entry.data.stored),
        "transceivers_error": entry.transceivers_error[:200],
        **_NOTHING_COUNTED,
        **counts,
    }
    columns = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Poll._meta.db_table} ({columns}) VALUES ({places})"  # noqa: S608
            " ON CONFLICT DO NOTHING",
            {name: _parameter(value) for name, value in values.items()},
        )
        return cursor.rowcount == 1


def _parameter(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, list | dict) else value


_NOTHING_COUNTED: dict[str, Any] = {
    "has_transceivers": False,
    "rejected": 0,
    "rejected_by_reason": {},
    "servers": [],
}


def _note_oddities(feed: Feed, positions: int) -> None:
    """Complete the feed's row with what applying it showed, and keep what was odd."""
    counts, rejects = feed.rejects.counts, feed.rejects.last
    Poll.objects.filter(pk=feed.feed_at).update(
        positions=positions,
        rejected=counts.total(),
        rejected_by_reason={f"{kind}: {reason}": n for (kind, reason), n in counts.items()},
    )
    RejectedRecord.objects.bulk_create(
        [RejectedRecord(poll_id=feed.feed_at, **record._asdict()) for record in rejects]
    )
    if skipped := counts.total():
        transaction.on_commit(partial(_count_skipped, skipped))
    UnknownKey.objects.bulk_create(
        [UnknownKey(key=key, first_seen_at=feed.feed_at) for key in feed.new_keys],
        ignore_conflicts=True,
    )


def _count_skipped(records: int) -> None:
    """Count what was left out of a feed so that the rest could be stored."""
    reporting.write_later(
        RecoveryRecord(
            hour=timezone.now().replace(minute=0, second=0, microsecond=0),
            strategy=Strategy.SKIP,
            service="collector",
            operation="record",
            successes=records,
            failures=0,
            seconds=0.0,
        )
    )


def _note_references(feed: Feed, state: NetworkState) -> None:
    """Keep the feed's own lists of ratings and facilities when they changed."""
    for name, entries in feed.references.items():
        if entries and entries != state.references.get(name):
            state.references[name] = entries
            Reference.objects.update_or_create(
                name=name, defaults={"entries": entries, "feed_at": feed.feed_at}
            )
