"""When and how often monitoring's work is delivered; the services do it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.db import DatabaseError, InterfaceError
from redis import RedisError

from monitoring import lifecycle
from monitoring.errors import reporting
from monitoring.errors import retention as error_retention
from monitoring.events import analysis, delivery, retention
from monitoring.schedule import Schedule

logger = logging.getLogger(__name__)

PASSING = (DatabaseError, InterfaceError, RedisError)

SCHEDULE = [
    Schedule("monitoring.tasks.import_errors", 30, 29),
    Schedule("monitoring.tasks.prune_errors", 21_600, 21_599),
    Schedule("monitoring.tasks.dispatch_events", 5, 5, queue="events"),
    Schedule("monitoring.tasks.prune_events", 600, 599),
    Schedule("monitoring.tasks.check_health", 60, 59),
]


# --- Errors -------------------------------------------------------------------------------------


@shared_task(soft_time_limit=300, time_limit=330)
def import_errors() -> None:
    """Store what was reported while PostgreSQL was away, if it is back."""
    if imported := reporting.import_spooled():
        logger.info("import errors: %s records", imported)


@shared_task(autoretry_for=PASSING, max_retries=3, soft_time_limit=540, time_limit=570)
def prune_errors() -> None:
    """Delete what is older than its retention."""
    logger.info("prune errors: %s", error_retention.prune())


# --- Events -------------------------------------------------------------------------------------


@shared_task(soft_time_limit=30, time_limit=40)
def dispatch_events() -> None:
    """Wake a delivery for each handler that has something due."""
    with _sent_again():
        delivery.dispatch(_wake)
        analysis.note_dispatch()


# Its message is only a wake-up call: another one follows for as long as anything is due, so one
# whose process was killed need not come again.
@shared_task(acks_late=False, reject_on_worker_lost=False)
def deliver_events(handler: str, limit_s: float) -> None:
    """Deliver what is due to one handler; `limit_s` is in force for this call, too."""
    with _sent_again():
        result = delivery.deliver(handler)
        if result.done or result.failed:
            logger.info("deliver to %s: %s", handler, result)
        if result.more:
            _wake(handler, limit_s)


@contextmanager
def _sent_again() -> Iterator[None]:
    """Note that a server is away: the next message, in seconds, is the retry, and needs nobody."""
    try:
        yield
    except PASSING as error:
        reporting.report(error)
        logger.warning("Events wait: %s", error)


def _wake(handler: str, limit_s: float) -> None:
    deliver_events.apply_async([handler, limit_s], time_limit=limit_s, expires=limit_s)


@shared_task(autoretry_for=PASSING, max_retries=3, soft_time_limit=300, time_limit=330)
def prune_events() -> None:
    """Delete events and dead letters that need not be kept."""
    logger.info("prune events: %s", retention.prune())


@shared_task(soft_time_limit=30, time_limit=40)
def check_health() -> None:
    """Measure every part of the system, and publish what was found."""
    lifecycle.check_health()
