"""How the bus does: what was published, what handlers made of it, and what waits."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.core.cache import cache
from django.db import connection
from django.db.models import Avg, Count, Max, Q
from django.utils import timezone
from redis import RedisError

from monitoring.errors.breakers import BreakerStatus, breaker_states
from monitoring.events import dead_letters
from monitoring.events.delivery import BREAKERS
from monitoring.events.limits import HandlerTimeout
from monitoring.events.signals import EventSignal, Handler, all_handlers
from monitoring.models import Delivery, Event

MOST_COUNTED = 100_000  # waiting deliveries; more than enough to know that something is wrong
RUNNING_WITHIN_S = 30  # of the last dispatch
_DISPATCHED = "events:dispatched"

Status = Delivery.Status


class ProcessingMetrics(msgspec.Struct):
    """What was processed in the time asked for; seconds are means."""

    total_events_processed: int  # deliveries that were done
    failed_events: int  # deliveries that were given up
    average_processing_time: float | None
    events_by_type: dict[str, int]
    events_by_service: dict[str, int]
    last_event_time: datetime | None


class DeadLetterQueue(msgspec.Struct):
    """How many deliveries were given up and wait, of how many may."""

    size: int
    max_size: int
    nearly_full: bool


class HandlerHealth(msgspec.Struct):
    """One handler: what waits for it (100,000 are counted at most) and what it made of the rest."""

    types: list[str]
    waiting: int
    oldest_due: datetime | None
    done: int
    dead: int
    failing: int  # that wait for another attempt
    timeouts: int  # of those failing or dead
    average_processing_time: float | None
    breaker: str


class Analytics(msgspec.Struct):
    """The answer of `/api/events/analytics`."""

    hours: int
    total_subscribers: int
    total_events: int
    event_counts: dict[str, int]
    subscriber_counts: dict[str, int]
    running: bool
    metrics: ProcessingMetrics
    circuit_breakers: dict[str, BreakerStatus]
    dead_letter_queue: DeadLetterQueue
    handler_timeouts: dict[str, float]
    handlers: dict[str, HandlerHealth]


def note_dispatch() -> None:
    """Let others know that deliveries are being made."""
    with suppress(RedisError):  # then nobody is told
        cache.set(_DISPATCHED, "yes", timeout=RUNNING_WITHIN_S)


def is_running() -> bool:
    """Whether deliveries were dispatched of late; not while Redis is away."""
    try:
        return cache.get(_DISPATCHED) is not None
    except RedisError:
        return False


def analyse(hours: int) -> Analytics:
    """Figures of the last hours, as far as the history reaches back."""
    since = timezone.now() - timedelta(hours=hours)
    handlers, by_type = all_handlers(), _handlers_by_type()
    counts = _counts_of_events(since)
    types = dict.fromkeys(sorted(EventSignal.types), 0)
    for (type_name, _), count in counts.items():
        types[type_name] = types.get(type_name, 0) + count
    breakers = {
        name: status for name, status in breaker_states().items() if name.startswith(BREAKERS)
    }
    fill = dead_letters.fill()
    return Analytics(
        hours=hours,
        total_subscribers=len(handlers),
        total_events=sum(types.values()),
        event_counts=types,
        subscriber_counts={name: len(names) for name, names in by_type.items()},
        running=is_running(),
        metrics=_metrics(since, counts),
        circuit_breakers=breakers,
        dead_letter_queue=DeadLetterQueue(fill.size, fill.max_size, fill.is_nearly_full),
        handler_timeouts={name: handler.timeout_s for name, handler in handlers.items()},
        handlers=_health(since, handlers, by_type, breakers),
    )


def _handlers_by_type() -> dict[str, list[str]]:
    return {
        name: [handler.name for handler in signal.all_handlers()]
        for name, signal in sorted(EventSignal.types.items())
    }


def _counts_of_events(since: datetime) -> dict[tuple[str, str], int]:
    """By type and service."""
    recent = Event.objects.filter(recorded_at__gte=since).order_by()
    rows = recent.values_list("type", "service").annotate(count=Count("id"))
    return {(type_name, service): count for type_name, service, count in rows}


def _metrics(since: datetime, counts: dict[tuple[str, str], int]) -> ProcessingMetrics:
    by_type: dict[str, int] = {}
    by_service: dict[str, int] = {}
    for (type_name, service), count in sorted(counts.items()):
        by_type[type_name] = by_type.get(type_name, 0) + count
        by_service[service] = by_service.get(service, 0) + count
    ended = Delivery.objects.filter(finished_at__gte=since).aggregate(
        done=Count("id", filter=Q(status=Status.DONE)),
        given_up=Count("id", filter=~Q(status=Status.DONE)),
        seconds=Avg("seconds", filter=Q(status=Status.DONE)),
    )
    newest = Event.objects.aggregate(at=Max("recorded_at"))["at"]
    return ProcessingMetrics(
        total_events_processed=ended["done"],
        failed_events=ended["given_up"],
        average_processing_time=ended["seconds"],
        events_by_type=by_type,
        events_by_service=by_service,
        last_event_time=newest,
    )


def _health(
    since: datetime,
    handlers: dict[str, Handler],
    by_type: dict[str, list[str]],
    breakers: dict[str, BreakerStatus],
) -> dict[str, HandlerHealth]:
    waiting, ended = _waiting(), _ended(since)
    nothing_waits = {"waiting": 0, "oldest_due": None, "failing": 0, "timeouts": 0}
    nothing_ended = {"done": 0, "dead": 0, "timeouts": 0, "seconds": None}
    health = {}
    # Handlers that are gone may still have deliveries.
    for name in sorted({*handlers, *waiting}):
        waits, ends = waiting.get(name, nothing_waits), ended.get(name, nothing_ended)
        status = breakers.get(f"{BREAKERS}{name}")
        health[name] = HandlerHealth(
            types=[each for each, names in by_type.items() if name in names],
            waiting=waits["waiting"],
            oldest_due=waits["oldest_due"],
            done=ends["done"],
            dead=ends["dead"],
            failing=waits["failing"],
            timeouts=waits["timeouts"] + ends["timeouts"],
            average_processing_time=ends["seconds"],
            breaker=status.state if status else "CLOSED",
        )
    return health


def _waiting() -> dict[str, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [f"{HandlerTimeout.__name__}%", MOST_COUNTED])
        names = [column.name for column in cursor.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _ended(since: datetime) -> dict[str, dict[str, Any]]:
    is_dead = Q(status=Status.DEAD)
    rows = Delivery.objects.filter(finished_at__gte=since).order_by().values("handler")
    return {
        row["handler"]: dict(row)
        for row in rows.annotate(
            done=Count("id", filter=Q(status=Status.DONE)),
            dead=Count("id", filter=is_dead),
            timeouts=Count("id", filter=is_dead & Q(error__startswith=HandlerTimeout.__name__)),
            seconds=Avg("seconds", filter=Q(status=Status.DONE)),
        )
    }


_WAITING = f"""
    SELECT handler, count(*) AS waiting, min(due_at) AS oldest_due,
           count(*) FILTER (WHERE attempts > 0) AS failing,
           count(*) FILTER (WHERE error LIKE %s) AS timeouts
    FROM (SELECT handler, due_at, attempts, error FROM {Delivery._meta.db_table}
          WHERE status = 'pending' LIMIT %s) AS pending
    GROUP BY handler"""  # noqa: S608
