"""Tells that processes of the site begin and end, and how the system is."""

import logging
import os
import socket
import time
from collections.abc import Callable
from multiprocessing.util import Finalize

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from monitoring.asking import ask
from monitoring.events.signals import EventSignal
from monitoring.health.conditions import HEALTHY, measure_all
from monitoring.signals import (
    HEALTH_CHECK,
    SERVICE_STARTED,
    SERVICE_STOPPED,
    HealthChecked,
    ServiceChanged,
)

logger = logging.getLogger(__name__)

PATIENCE_S = 2.0  # nobody starts or ends later than that because PostgreSQL says nothing


def announce_start(name: str) -> None:
    """Publish that this process begins its work, if PostgreSQL answers."""
    _announce(SERVICE_STARTED, name)


def announce_stop(name: str) -> None:
    """Publish that this process ends its work, if PostgreSQL answers."""
    _announce(SERVICE_STOPPED, name)


def announce_process(name: str) -> None:
    """Publish that this process begins and, when Python ends it, that it ends."""
    announce_start(name)
    # Unlike atexit it also serves children of multiprocessing, as the web server's workers are,
    # and only the process that asked for it.
    Finalize(None, _announce_own_stop, [name], exitpriority=0)


def check_health() -> HealthChecked:
    """Measure every part of the system, and publish what was found."""
    started = time.monotonic()
    conditions = measure_all()
    checked = HealthChecked(
        is_healthy=set(conditions.values()) <= {HEALTHY},
        conditions=conditions,
        seconds=round(time.monotonic() - started, 3),
    )
    with transaction.atomic():
        HEALTH_CHECK.publish(checked, occurred_at=timezone.now())
    return checked


def _announce_own_stop(name: str) -> None:
    # At a process's end no thread can be started any more.
    _announce(SERVICE_STOPPED, name, lambda publish, _patience_s: publish())


def _announce(
    signal: EventSignal, name: str, within: Callable[[Callable[[], None], float], None] = ask
) -> None:
    payload = ServiceChanged(
        name=name, host=socket.gethostname(), pid=os.getpid(), version=settings.VERSION
    )

    def publish() -> None:
        with transaction.atomic():
            signal.publish(payload, occurred_at=timezone.now(), subject=name)

    try:
        within(publish, PATIENCE_S)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        logger.warning("%s of %s can't be published: %r", signal.name, name, error)
