"""Writes what a feed changed. Called within the transaction of the feed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models
from psycopg.types.json import Jsonb

from collector.identity import FlightChanges, OpenFlight
from collector.models import (
    ControllerSession,
    Flight,
    FlightPlan,
    FlightState,
    Prefile,
    Presence,
    SessionPeriod,
    SessionState,
    Tuning,
)
from collector.plans import Plan, read_altitude, read_departure_time, read_duration
from collector.positions import write_positions
from collector.prefiles import OpenPrefile, PrefileChanges
from collector.services.state import (
    FLIGHT_COLUMNS,
    PREFILE_COLUMNS,
    SESSION_COLUMNS,
    TUNING_COLUMNS,
)
from collector.sessions import OpenSession, SessionChanges
from collector.tunings import TuningChanges

Row = dict[str, Any]


def write_flights(feed_at: datetime, changes: FlightChanges) -> None:
    """Store what happened to flights: their rows, presences, plans and positions."""
    _number(Flight, changes.opened)
    for (flight, _), plan_id in zip(
        changes.plans, _ids(FlightPlan, len(changes.plans)), strict=True
    ):
        flight.plan_id = plan_id
    reasons = {id(flight): reason for flight, reason in changes.ended}
    opened = {id(flight) for flight in changes.opened}
    _close(Presence, "flight_id", changes.left)
    # Ends come before new rows: a client has one open flight.
    _update(
        Flight,
        [
            _flight_row(flight, reasons.get(object_id, ""))
            for object_id, flight in changes.changed.items()
            if object_id not in opened
        ],
    )
    _insert(Flight, [_flight_row(flight) for flight in changes.opened])
    _insert(
        FlightPlan,
        [
            {"id": flight.plan_id, "flight_id": flight.id, "feed_at": feed_at}
            | _plan_row(plan, flight.logon_time)
            for flight, plan in changes.plans
        ],
    )
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
    write_positions(feed_at, changes.positions, [flight.id for flight in changes.placed])
    FlightState.objects.filter(pk__in=[flight.id for flight, _ in changes.ended]).delete()
    for flight in changes.bound:
        waiting = Prefile.objects.filter(cid=flight.cid, callsign=flight.callsign, flight=None)
        waiting.filter(last_seen_at__isnull=True).update(flight_id=flight.id)


def _flight_row(flight: OpenFlight, end_reason: str = "") -> Row:
    plan = flight.plan
    return {name: getattr(flight, name) for name in FLIGHT_COLUMNS} | {
        "last_seen_at": flight.last_seen_at if flight.missing else None,
        "last_latitude": flight.latitude if flight.missing else None,
        "last_longitude": flight.longitude if flight.missing else None,
        "ended_at": flight.last_seen_at if end_reason else None,
        "end_reason": end_reason,
        "departure": plan.departure if plan else "",
        "arrival": plan.arrival if plan else "",
        "aircraft_short": plan.aircraft_type[:20] if plan else "",
        "flight_rules": plan.flight_rules if plan else "",
    }


def _plan_row(plan: Plan, near: datetime) -> Row:
    """A plan's strings and what they mean; `near` is when its pilot logged on or filed it."""
    altitude = read_altitude(plan.altitude)
    enroute, fuel = read_duration(plan.enroute_time), read_duration(plan.fuel_time)
    return {name: getattr(plan, name) for name in Plan.__struct_fields__} | {
        "cruise_altitude_ft": altitude.feet,
        "cruise_altitude_certain": altitude.certain,
        "estimated_off_block_at": read_departure_time(plan.deptime, near),
        "enroute_seconds": enroute and enroute.total_seconds(),
        "fuel_seconds": fuel and fuel.total_seconds(),
    }


def write_sessions(
    feed_at: datetime, changes: SessionChanges, open_sessions: Iterable[OpenSession]
) -> None:
    """Store what happened to sessions, and when each was last heard of."""
    _number(ControllerSession, changes.opened)
    reasons = {id(session): reason for session, reason in changes.ended}
    opened = {id(session) for session in changes.opened}
    _close(SessionPeriod, "session_id", changes.left)
    _update(
        ControllerSession,
        [
            _session_row(session, reasons.get(object_id, ""))
            for object_id, session in changes.changed.items()
            if object_id not in opened
        ],
    )
    _insert(ControllerSession, [_session_row(session) for session in changes.opened])
    period_columns = [field.attname for field in SessionPeriod._meta.concrete_fields]
    _insert(
        SessionPeriod,
        [
            {name: getattr(session, name) for name in period_columns if hasattr(session, name)}
            | {"id": None, "session_id": session.id, "since_at": feed_at}
            for session in changes.came
        ],
    )
    SessionState.objects.filter(pk__in=[session.id for session, _ in changes.ended]).delete()
    heard = [s for s in open_sessions if not s.missing]
    SessionState.objects.bulk_create(
        [SessionState(session_id=s.id, last_updated=s.last_updated) for s in heard],
        update_conflicts=True,
        update_fields=["last_updated"],
        unique_fields=["session_id"],
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
    _update(Tuning, [{"id": t.id, "until_at": t.until_at} for t in changes.ended])
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
    if rows:
        model._default_manager.bulk_create([model(**row) for row in rows], batch_size=1000)


def _update(model: type[models.Model], rows: Sequence[Row]) -> None:
    """Update rows by `id`; all have the same columns. One prepared statement, in a pipeline."""
    if not rows:
        return
    columns = [name for name in rows[0] if name != "id"]
    json = {f.attname for f in model._meta.concrete_fields if isinstance(f, models.JSONField)}
    assignments = ", ".join(f"{name} = %({name})s" for name in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {model._meta.db_table} SET {assignments} WHERE id = %(id)s",  # noqa: S608
            [{k: Jsonb(v) if k in json else v for k, v in row.items()} for row in rows],
        )


def _close(
    model: type[models.Model], owner: str, left: Sequence[tuple[Any, datetime]]
) -> None:
    """End the open period of each owner with the last feed that had it."""
    if left:
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {model._meta.db_table} SET until_at = %s"  # noqa: S608
                f" WHERE {owner} = %s AND until_at IS NULL",
                [(until_at, item.id) for item, until_at in left],
            )
