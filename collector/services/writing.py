"""Writes what a feed changed. Called within the transaction of the feed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, models

from collector.identity import NOWHERE, FlightChanges, OpenFlight
from collector.models import (
    ControllerSession,
    Flight,
    FlightPlan,
    Prefile,
    Presence,
    SessionPeriod,
    Tuning,
)
from collector.plans import Plan, read_altitude, read_departure_time, read_duration
from collector.positions import write_positions
from collector.prefiles import OpenPrefile, PrefileChanges
from collector.records import Key
from collector.services.state import (
    FLIGHT_COLUMNS,
    LAST_FIX_COLUMNS,
    PERIOD_COLUMNS,
    PREFILE_COLUMNS,
    SESSION_COLUMNS,
    TUNING_COLUMNS,
)
from collector.sessions import OpenSession, SessionChanges
from collector.tunings import TuningChanges

Row = dict[str, Any]
ONE_SECOND = timedelta(seconds=1)


def write_flights(
    feed_at: datetime, changes: FlightChanges, prefiles: Mapping[Key, OpenPrefile]
) -> None:
    """Store what happened to flights: their rows, presences, plans and positions.

    A prefile belongs to the first flight that came while it waited in `prefiles`.
    """
    _number(Flight, changes.opened)
    plan_ids = _ids(FlightPlan, len(changes.plans))
    for (flight, _), plan_id in zip(changes.plans, plan_ids, strict=True):
        flight.plan_id = plan_id
    _close(Presence, "flight_id", changes.left)
    _write_changed(Flight, changes, _flight_row)
    _write_plans(feed_at, changes)
    _write_presences(feed_at, changes)
    write_positions(feed_at, changes.positions)
    _update(
        Prefile,
        [{"id": prefiles[flight.key].id, "flight_id": flight.id} for flight in changes.bound],
        where="stored.flight_id IS NULL",
    )


def _write_changed(
    model: type[models.Model],
    changes: FlightChanges | SessionChanges,
    row_of: Callable[..., Row],
) -> None:
    """Update what was there, then append what is new: a client has one open flight."""
    reasons = {id(item): reason for item, reason in changes.ended}
    opened = {id(item) for item in changes.opened}
    _update(
        model,
        [
            row_of(item, reasons.get(object_id, ""))
            for object_id, item in changes.changed.items()
            if object_id not in opened
        ],
    )
    _insert(model, [row_of(item) for item in changes.opened])


def _write_plans(feed_at: datetime, changes: FlightChanges) -> None:
    _insert(
        FlightPlan,
        [
            {"id": flight.plan_id, "flight_id": flight.id, "feed_at": feed_at}
            | _plan_row(plan, flight.logon_time)
            for flight, plan in changes.plans
        ],
    )


def _write_presences(feed_at: datetime, changes: FlightChanges) -> None:
    _insert(
        Presence,
        [
            {
                "flight_id": flight.id,
                "logon_time": flight.logon_time,
                "transponder": flight.transponder,
                "since_at": feed_at,
            }
            for flight in changes.came
        ],
    )


def _flight_row(flight: OpenFlight, end_reason: str = "") -> Row:
    plan = flight.plan
    return (
        {name: getattr(flight, name) for name in FLIGHT_COLUMNS}
        | _last_seen(flight)
        | {
            "ended_at": flight.last_seen_at if end_reason else None,
            "end_reason": end_reason,
            "departure": plan.departure if plan else "",
            "arrival": plan.arrival if plan else "",
            "aircraft_short": plan.aircraft_type[:20] if plan else "",
            "flight_rules": plan.flight_rules if plan else "",
        }
    )


def _last_seen(flight: OpenFlight) -> Row:
    """What is stored of a flight's last place only while the newest feed has no record of it."""
    fix = flight.fix if flight.missing else NOWHERE
    return {
        "last_seen_at": flight.last_seen_at if flight.missing else None,
        "last_at_ms": flight.at_ms if flight.missing else None,
    } | {name: getattr(fix, value) for name, value in LAST_FIX_COLUMNS.items()}


def _plan_row(plan: Plan, near: datetime) -> Row:
    """A plan's strings and what they mean; `near` is when its pilot logged on or filed it."""
    altitude = read_altitude(plan.altitude)
    enroute, fuel = read_duration(plan.enroute_time), read_duration(plan.fuel_time)
    return {name: getattr(plan, name) for name in Plan.__struct_fields__} | {
        "cruise_altitude_ft": altitude.feet,
        "cruise_altitude_certain": altitude.certain,
        "estimated_off_block_at": read_departure_time(plan.deptime, near),
        "enroute_seconds": enroute and enroute // ONE_SECOND,
        "fuel_seconds": fuel and fuel // ONE_SECOND,
    }


def write_sessions(feed_at: datetime, changes: SessionChanges) -> None:
    """Store what happened to sessions."""
    _number(ControllerSession, changes.opened)
    _close(SessionPeriod, "session_id", changes.left)
    _write_changed(ControllerSession, changes, _session_row)
    _insert(
        SessionPeriod,
        [
            {name: getattr(session, name) for name in PERIOD_COLUMNS}
            | {"session_id": session.id, "since_at": feed_at}
            for session in changes.came
        ],
    )


def _session_row(session: OpenSession, end_reason: str = "") -> Row:
    return {name: getattr(session, name) for name in SESSION_COLUMNS} | {
        "last_seen_at": session.last_seen_at if session.missing else None,
        "ended_at": session.last_seen_at if end_reason else None,
        "end_reason": end_reason,
    }


def write_prefiles(changes: PrefileChanges) -> None:
    """Store what happened to prefiles."""
    _number(Prefile, changes.opened)
    _insert(Prefile, [_prefile_row(prefile) for prefile in changes.opened])
    gone = {id(prefile) for prefile in changes.left}
    _update(
        Prefile,
        [
            _prefile_row(prefile)
            | {"last_seen_at": prefile.last_seen_at if id(prefile) in gone else None}
            for prefile in (*changes.changed, *changes.left)
        ],
    )


def _prefile_row(prefile: OpenPrefile) -> Row:
    return {name: getattr(prefile, name) for name in PREFILE_COLUMNS} | _plan_row(
        prefile.plan, prefile.last_updated
    )


def write_tunings(changes: TuningChanges) -> None:
    """Store which radios were tuned, and until when."""
    _close(Tuning, "id", [(tuning, tuning.until_at) for tuning in changes.ended])
    _number(Tuning, changes.began)
    _insert(Tuning, [{name: getattr(t, name) for name in TUNING_COLUMNS} for t in changes.began])


# --- Rows ---------------------------------------------------------------------------------------


def _ids(model: type[models.Model], count: int) -> list[int]:
    """New primary keys, before the rows are there."""
    if not count:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [new_id for (new_id,) in cursor.fetchall()]


def _number(model: type[models.Model], objects: Sequence[Any]) -> None:
    for item, new_id in zip(objects, _ids(model, len(objects)), strict=True):
        item.id = new_id


def _insert(model: type[models.Model], rows: Sequence[Row]) -> None:
    """Append rows; columns that a row does not name get the model's default."""
    if not rows:
        return
    defaults = {
        field.attname: field.get_default()
        for field in model._meta.concrete_fields
        if field.attname not in rows[0] and not field.primary_key and not field.null
    }
    columns = ", ".join([*rows[0], *defaults])
    table = model._meta.db_table
    _execute(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_RECORDS.format(table)}",  # noqa: S608
        [row | defaults for row in rows],
    )


def _update(model: type[models.Model], rows: Sequence[Row], where: str = "true") -> None:
    """Update rows by `id` where `stored` rows are so; all have the same columns."""
    if not rows:
        return
    table = model._meta.db_table
    columns = ", ".join(f"{name} = record.{name}" for name in rows[0] if name != "id")
    _execute(
        f"UPDATE {table} AS stored SET {columns} FROM {_RECORDS.format(table)}"  # noqa: S608
        f" WHERE stored.id = record.id AND {where}",
        rows,
    )


# Rows travel as JSON: one parameter for all, and PostgreSQL knows the columns' types.
_RECORDS = "json_populate_recordset(NULL::{0}, %s) AS record"


def _execute(statement: str, rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(rows).decode()])


def _close(
    model: type[models.Model], owner: str, left: Sequence[tuple[Any, datetime | None]]
) -> None:
    """End the open period of each owner with the last feed that had it."""
    by_end: dict[datetime | None, list[int]] = {}
    for item, until_at in left:
        by_end.setdefault(until_at, []).append(item.id)
    with connection.cursor() as cursor:
        for until_at, ids in by_end.items():
            cursor.execute(
                f"UPDATE {model._meta.db_table} SET until_at = %s"  # noqa: S608
                f" WHERE {owner} = ANY(%s) AND until_at IS NULL",
                [until_at, ids],
            )
