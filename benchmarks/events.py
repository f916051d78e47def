"""What the bus costs: publishing and delivering; and what the errors' context adds to a call."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from msgspec import Struct

from benchmarks.meter import report
from monitoring.errors.reporting import guarded
from monitoring.events.delivery import deliver
from monitoring.events.publishing import NewEvent, publish_many
from monitoring.events.signals import EventSignal
from monitoring.models import Delivery, Event

EVENTS, BATCH, DELIVERIES, CALLS = 5000, 1000, 2000, 100_000
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROUNDS = 3  # of which the fastest counts


class Measured(Struct):
    """A payload like that of a flight."""

    flight_id: int
    callsign: str
    departure: str
    arrival: str
    aircraft: str


MEASURED = EventSignal("BENCHMARK", Measured, service="benchmarks")


def run() -> None:
    """Report a line for each subject."""
    report(bench="events publishing", **_publishing())
    report(bench="events delivering", **_delivering())
    report(bench="errors' context", guarded_us=_around_a_call())


def _payload(number: int) -> Measured:
    return Measured(number, f"DLH{number}", "EDDF", "KJFK", "A359")


def _publishing() -> dict[str, float]:
    figures = {
        "bare_insert_us": _us_an_event(_insert_each),
        "publish_us": _us_an_event(_publish_each),
        "bare_executemany_us": _us_an_event(_insert_many),
        "publish_many_us": _us_an_event(_publish_batches),
    }
    MEASURED.connect(_ignore, name="benchmark")
    try:
        figures["publish_to_one_handler_us"] = _us_an_event(_publish_each)
        figures["publish_many_to_one_handler_us"] = _us_an_event(_publish_batches)
    finally:
        MEASURED.disconnect(name="benchmark")
    return figures


def _us_an_event(action: Callable[[], None]) -> float:
    """Wall time of both sides, the commit in."""
    times = []
    for _ in range(ROUNDS):
        _empty()
        started = time.perf_counter()
        with transaction.atomic():
            action()
        times.append(time.perf_counter() - started)
    return round(min(times) / EVENTS * 1e6, 1)


_INSERT = f"""
    INSERT INTO {Event._meta.db_table}
        (type, version, service, subject, occurred_at, payload, correlation_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s)"""  # noqa: S608
_JSON = '{"flight_id":1,"callsign":"DLH1","departure":"EDDF","arrival":"KJFK","aircraft":"A359"}'


def _row(number: int) -> tuple[Any, ...]:
    return ("BENCHMARK", 1, "benchmarks", f"DLH{number}", AT, _JSON, "")


def _insert_each() -> None:
    for number in range(EVENTS):
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, _row(number))


def _insert_many() -> None:
    with connection.cursor() as cursor:
        for first in range(0, EVENTS, BATCH):
            cursor.executemany(_INSERT, [_row(n) for n in range(first, first + BATCH)])


def _publish_each() -> None:
    for number in range(EVENTS):
        MEASURED.publish(_payload(number), occurred_at=AT, subject=f"DLH{number}")


def _publish_batches() -> None:
    for first in range(0, EVENTS, BATCH):
        numbers = range(first, first + BATCH)
        publish_many([NewEvent(MEASURED, _payload(n), AT, f"DLH{n}") for n in numbers])


def _delivering() -> dict[str, float]:
    """One process; each delivery is claimed and ended in commits of its own."""
    figures = {}
    for name, outside in (("database", False), ("outside", True)):
        _empty()
        MEASURED.connect(_ignore, name="benchmark", outside=outside)
        with transaction.atomic():
            publish_many([NewEvent(MEASURED, _payload(n), AT) for n in range(DELIVERIES)])
        started = time.perf_counter()
        done = deliver("benchmark", seconds=60).done
        figures[f"{name}_deliveries_a_second"] = round(done / (time.perf_counter() - started))
        MEASURED.disconnect(name="benchmark")
    return figures


def _around_a_call() -> float:
    """What `guarded` adds to a call that raises nothing."""

    def plain() -> None:
        pass

    @guarded("benchmark")
    def reported() -> None:
        pass

    return round(_us_a_call(reported) - _us_a_call(plain), 2)


def _us_a_call(function: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            function()
        times.append(time.perf_counter() - started)
    return min(times) / CALLS * 1e6


def _ignore(_: object) -> None:
    pass


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {Event._meta.db_table}, {Delivery._meta.db_table}")
