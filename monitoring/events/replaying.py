"""Delivers events again: new deliveries, under a replay of their own.

Handlers run as for new events, and can tell by `is_replay`. Database effects are upserts by the
event's id; what reaches outside says that it is a replay.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet

from monitoring.events.signals import EventSignal, all_handlers, signal_of
from monitoring.models import Delivery, Event, Replay

MOST_DELIVERIES = 100_000


class ReplayRefused(ValueError):
    """What was asked for can't be replayed; the message says why."""


class KeyReused(ReplayRefused):
    """The idempotency key belongs to another request."""


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which events, by all that is given; to all of their handlers, or to one.

    `from` and `to` are when they were recorded, by wall clock, `to` not included; `first_id` and
    `last_id` both are.
    """

    id: int | None = None
    ids: list[int] | None = None
    since: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = msgspec.field(default=None, name="to")
    first_id: int | None = None
    last_id: int | None = None
    type: str | None = None
    handler: str | None = None


def replay(selection: Selection, by: User, key: str | None = None) -> tuple[Replay, bool]:
    """Make deliveries of the chosen events; whether that was done now.

    The same `key` again only answers what it made. Raises `ReplayRefused`, and `UnknownEventType`.
    """
    wanted = msgspec.to_builtins(selection)
    with transaction.atomic():
        made, is_new = _replay_of(wanted, by, key)
        if is_new:
            made.deliveries = _deliver(selection, made)
            made.save(update_fields=["deliveries"])
    return made, is_new


def _replay_of(wanted: Mapping[str, Any], by: User, key: str | None) -> tuple[Replay, bool]:
    if key is None:
        return Replay.objects.create(by=by, selection=wanted), True
    # Whoever asks with the same key meanwhile waits here for the other's end.
    made, is_new = Replay.objects.get_or_create(
        idempotency_key=key, defaults={"by": by, "selection": wanted}
    )
    if made.selection != wanted:
        raise KeyReused("This Idempotency-Key was used for another replay.")
    return made, is_new


def _deliver(selection: Selection, made: Replay) -> int:
    events, receivers = chosen(selection), _receivers(selection)
    owed = _count(events, receivers)
    if owed > MOST_DELIVERIES:
        raise ReplayRefused(
            f"These would be {owed} deliveries; a replay has at most {MOST_DELIVERIES}."
        )
    if not owed:
        return 0  # Django has no statement for a choice of nothing
    types, names = [list(column) for column in zip(*receivers, strict=True)]
    statement, parameters = events.values("id", "type").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_DELIVER.format(events=statement), [*parameters, made.pk, types, names])
        return int(cursor.rowcount)


def chosen(selection: Selection) -> "QuerySet[Event]":
    """The events of a selection."""
    conditions = {
        "id": selection.id,
        "id__in": selection.ids,
        "id__gte": selection.first_id,
        "id__lte": selection.last_id,
        "recorded_at__gte": selection.since,
        "recorded_at__lt": selection.until,
        "type": selection.type,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    if not given:
        raise ReplayRefused("Say which events: by id, type, or a range of ids or times.")
    return Event.objects.filter(**given).order_by()


def _receivers(selection: Selection) -> list[tuple[str, str]]:
    """Type and handler, for each pair that the selection means and that there is."""
    if selection.handler is not None and selection.handler not in all_handlers():
        raise ReplayRefused(f"There is no handler {selection.handler!r:.100}.")
    signals = [signal_of(selection.type)] if selection.type else EventSignal.types.values()
    return [
        (signal.name, handler.name)
        for signal in signals
        for handler in signal.all_handlers()
        if selection.handler in (None, handler.name)
    ]


def _count(events: "QuerySet[Event]", receivers: list[tuple[str, str]]) -> int:
    owed = 0
    for type_name in {type_name for type_name, _ in receivers}:
        handlers = sum(each == type_name for each, _ in receivers)
        owed += handlers * events.filter(type=type_name).count()
    return owed


# Nobody may delete an event while its deliveries are made.
_DELIVER = f"""
    WITH chosen AS MATERIALIZED ({{events}} FOR KEY SHARE)
    INSERT INTO {Delivery._meta.db_table} (event_id, handler, replay_id, status, attempts, error)
    SELECT chosen.id, receiver.handler, %s, 'pending', 0, ''
    FROM chosen JOIN unnest(%s::text[], %s::text[]) AS receiver (type, handler)
         ON receiver.type = chosen.type"""  # noqa: S608
