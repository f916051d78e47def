"""Writes events and their deliveries in the transaction of the fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Union

import msgspec
from django.db import connection
from django.db.transaction import TransactionManagementError

from monitoring import correlation
from monitoring.events import causation
from monitoring.events.payloads import EventError, clean
from monitoring.events.signals import EventSignal, Handler
from monitoring.models import Delivery, Event

EVENTS, DELIVERIES = Event._meta.db_table, Delivery._meta.db_table
MOST_SUBJECT, MOST_CORRELATION = 100, 64  # characters


@dataclass(frozen=True, slots=True, eq=False)
class NewEvent:
    """An event that is to be published.

    `cause` is the event that led to it: its id, or an earlier one of the same batch. By default
    that in whose handler this code runs, and the correlation id in force.
    """

    signal: EventSignal
    payload: Any
    occurred_at: datetime
    subject: str = ""
    correlation_id: str | None = None
    cause: Union[int, "NewEvent", None] = None


def publish(event: NewEvent) -> int:
    """Write one event with its deliveries, and return its id."""
    _require_transaction()
    row = _row(event, {})
    row["payload"] = bytes(row["payload"]).decode()
    names = [handler.name for handler in _handlers(event.signal)]
    with connection.cursor() as cursor:
        cursor.execute(_PUBLISH_WITH_DELIVERIES if names else _PUBLISH, row | {"handlers": names})
        return int(cursor.fetchone()[0])


def publish_many(events: Sequence[NewEvent]) -> list[int]:
    """Write events with their deliveries, in three statements however many; their ids in turn."""
    _require_transaction()
    if not events:
        return []
    ids = _reserve(len(events))
    id_of = dict(zip(map(id, events), ids, strict=True))
    rows = [{"id": id_of[id(event)]} | _row(event, id_of) for event in events]
    owed = [
        (event_id, handler.name)
        for event, event_id in zip(events, ids, strict=True)
        for handler in _handlers(event.signal)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_PUBLISH_MANY, [msgspec.json.encode(rows).decode()])
        if owed:
            event_ids, names = zip(*owed, strict=True)
            cursor.execute(_DELIVER_MANY, [list(event_ids), list(names)])
    return ids


def _require_transaction() -> None:
    # An event of a fact that is then not committed, or the other way round, would be a lie.
    if not connection.in_atomic_block:
        raise TransactionManagementError("An event is published in the transaction of its fact.")


def _row(event: NewEvent, id_of: Mapping[int, int]) -> dict[str, Any]:
    signal, chosen = event.signal, event.correlation_id
    if event.occurred_at.tzinfo is None:
        raise EventError(f"{signal.name}: occurred_at has no time zone.")
    return {
        "type": signal.name,
        "version": signal.version,
        "service": signal.service,
        "subject": clean(event.subject, MOST_SUBJECT),
        "occurred_at": event.occurred_at.isoformat(),
        "payload": msgspec.Raw(signal.payload.encode(event.payload)),
        "correlation_id": clean(
            correlation.current() if chosen is None else chosen, MOST_CORRELATION
        ),
        "causation_id": _cause(event, id_of),
    }


def _cause(event: NewEvent, id_of: Mapping[int, int]) -> int | None:
    if event.cause is None:
        return causation.current()
    if isinstance(event.cause, int):
        return event.cause
    try:
        return id_of[id(event.cause)]
    except KeyError:
        raise EventError(f"{event.signal.name}: its cause is not of the same batch.") from None


def _reserve(count: int) -> list[int]:
    """Ids of events to come, so that one can name another as its cause."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [EVENTS, count],
        )
        return [event_id for (event_id,) in cursor.fetchall()]


# --- Who is to hear of it -----------------------------------------------------------------------


class _Known:
    """The handlers of each type, looked up once in a transaction.

    It lives as long as the transaction, as a callback for its end: Django forgets that at a
    rollback too.
    """

    def __init__(self) -> None:
        self.handlers: dict[str, list[Handler]] = {}

    def __call__(self) -> None:
        """Nothing: the commit is over, and with it this object."""


def _handlers(signal: EventSignal) -> list[Handler]:
    handlers = _known().handlers
    if signal.name not in handlers:
        handlers[signal.name] = list(signal.all_handlers())
    return handlers[signal.name]


def _known() -> _Known:
    for _, callback, *_ in connection.run_on_commit:
        if isinstance(callback, _Known):
            return callback
    known = _Known()
    connection.on_commit(known)
    return known


# --- Statements ---------------------------------------------------------------------------------

_COLUMNS = "type, version, service, subject, occurred_at, payload, correlation_id, causation_id"
_PUBLISH = f"""
    INSERT INTO {EVENTS} ({_COLUMNS}) VALUES (
        %(type)s, %(version)s, %(service)s, %(subject)s, %(occurred_at)s, %(payload)s,
        %(correlation_id)s, %(causation_id)s
    ) RETURNING id"""  # noqa: S608
_NEW_DELIVERY = f"INSERT INTO {DELIVERIES} (event_id, handler, status, attempts, error)"
_PUBLISH_WITH_DELIVERIES = f"""
    WITH event AS ({_PUBLISH})
    {_NEW_DELIVERY} SELECT id, unnest(%(handlers)s::text[]), 'pending', 0, '' FROM event
    RETURNING event_id"""  # noqa: S608
# Rows travel as JSON: one parameter for all, and PostgreSQL knows the columns' types.
_PUBLISH_MANY = f"""
    INSERT INTO {EVENTS} (id, {_COLUMNS})
    SELECT id, {_COLUMNS} FROM json_populate_recordset(NULL::{EVENTS}, %s) AS record"""  # noqa: S608
_DELIVER_MANY = f"""
    {_NEW_DELIVERY} SELECT event_id, handler, 'pending', 0, ''
    FROM unnest(%s::bigint[], %s::text[]) AS owed (event_id, handler)"""  # noqa: S608
