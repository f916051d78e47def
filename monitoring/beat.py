"""Celery beat, which must not stand still because PostgreSQL says nothing."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError
from django_celery_beat.schedulers import DatabaseScheduler

from monitoring.asking import ask

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 0.5
REST_SECONDS = 10.0  # after a question that was not answered


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # it carries no types
    """Sends by the schedule in PostgreSQL, and while PostgreSQL is away by the last known one."""

    _rests_until = float("-inf")  # of the monotonic clock

    def schedule_changed(self) -> bool:
        """Whether the schedule has to be read anew."""
        return self._ask(super().schedule_changed, False)

    def all_as_schedule(self) -> dict[str, Any]:
        """The schedule by the names of its tasks."""
        return self._ask(super().all_as_schedule, self._schedule)

    def sync(self) -> None:
        """Note in PostgreSQL when tasks were last sent."""
        if self._dirty:
            self._ask(super().sync, None)

    def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        if self._schedule is None:
            return question()  # the start waits
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            return ask(question, PATIENCE_SECONDS)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            logger.warning("PostgreSQL does not answer, the last known schedule serves: %r", error)
            self._rests_until = time.monotonic() + REST_SECONDS
            return otherwise
