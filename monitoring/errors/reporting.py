"""The one way in for errors: `guarded` around what may fail, `report` for what was caught.

Neither ever raises or waits. An error gets the service, operation and correlation id in force, a
category and severity, and a scrubbed context; a few of a kind and hour are kept whole and sent to
Sentry, the others are counted. A thread writes them (`writer.py`).
"""

import atexit
import logging
import os
from collections.abc import Mapping
from contextlib import ContextDecorator
from contextvars import Token
from types import TracebackType
from typing import Any

from monitoring.errors import context as surroundings
from monitoring.errors import describing
from monitoring.errors.classification import is_error
from monitoring.errors.context import Surroundings
from monitoring.errors.fingerprint import normalise, place_of
from monitoring.errors.kinds import Category, Severity, Strategy
from monitoring.errors.records import AnyRecord, FailedTaskRecord, TransitionRecord
from monitoring.errors.signals import occurrence_stored
from monitoring.errors.spool import Spool
from monitoring.errors.storing import close, store
from monitoring.errors.tallying import Key
from monitoring.errors.writer import Away, Writer

__all__ = [
    "FailedTaskRecord",
    "TransitionRecord",
    "count_recovery",
    "flush",
    "guarded",
    "occurrence_stored",
    "report",
    "write_later",
]

logger = logging.getLogger(__name__)

_REPORTED = "_vatsim_reported"  # an attribute of exceptions that were

_spool = Spool()
_writer = Writer(store, _spool, close)


def report(
    error: BaseException,
    *,
    service: str = "",
    operation: str = "",
    severity: Severity | None = None,
    category: Category | None = None,
    context: Mapping[str, Any] | None = None,
) -> None:
    """Keep an error that was caught; without a service or operation, those in force.

    The same exception counts once. What is no failure (a retry of Celery's, a 404) does not count.
    """
    try:
        if is_error(type(error)) and _claim(error):
            at_work = surroundings.current()
            key = Key(
                type(error),
                place_of(error),
                normalise(describing.text_of(error)),
                service or at_work.service,
                operation or at_work.operation,
                severity,
                category,
            )
            _keep(error, key, {**at_work.facts, **(context or {})})
    except Exception:
        logger.exception("An error could not be reported")


def guarded(operation: str, *, service: str | None = None, **context: Any) -> "_Guard":
    """Report what is raised inside, as an error of `operation`, and let it go on.

    A context manager and a decorator. `context` stands in the errors of everything inside.
    """
    return _Guard(operation, service, context)


def count_recovery(
    strategy: Strategy,
    operation: str,
    *,
    succeeded: bool,
    seconds: float = 0.0,
    service: str = "",
) -> None:
    """Count one attempt to recover; `seconds` is the time from the first failure to success."""
    service = service or surroundings.current().service
    with _writer.changed:
        was_waiting = _writer.tally.is_waiting
        _writer.tally.count_recovery(strategy, service, operation, succeeded, seconds)
        if not was_waiting:
            _writer.wake()


def write_later(record: AnyRecord) -> None:
    """Have the thread write a record; where too many wait, it goes to the spool."""
    if not _writer.put(record):
        _spool.add([record])


def flush(seconds: float = 2.0) -> bool:
    """Wait until what was reported so far is stored, or spooled; False if it takes longer."""
    return _writer.flush(seconds)


def import_spooled() -> int:
    """Store what is in the spool, if PostgreSQL takes it; how many records."""
    try:
        return _spool.drain(store)
    except Away as error:
        logger.warning("Errors stay in the spool: %s", error)
        return 0


def end() -> None:
    """Lose nothing when the process ends, even if the thread hangs."""
    if not flush():
        _writer.rescue()


class _Guard(ContextDecorator):
    """See `guarded`."""

    __slots__ = ("_context", "_operation", "_service", "_token")

    def __init__(self, operation: str, service: str | None, context: Mapping[str, Any]) -> None:
        self._operation = operation
        self._service = service
        self._context = context

    def _recreate_cm(self) -> "_Guard":
        return _Guard(self._operation, self._service, self._context)

    def __enter__(self) -> None:
        self._token: Token[Surroundings] = surroundings.enter(
            self._operation, self._service, self._context
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            report(error)
        surroundings.leave(self._token)


def _claim(error: BaseException) -> bool:
    """Whether nobody reported this exception before."""
    if getattr(error, _REPORTED, False):
        return False
    try:
        setattr(error, _REPORTED, True)
    except AttributeError:  # it has slots only
        return True
    return True


def _keep(error: BaseException, key: Key, facts: Mapping[str, Any]) -> None:
    """Keep the error whole if it is one of the first of its kind; count it otherwise."""
    tally = _writer.tally
    with _writer.changed:
        counted = tally.find(key, lambda key: describing.kind_of(error, key))
        is_sample = describing.keeps_samples() and tally.wants_sample(counted)
        if not is_sample:
            was_waiting = tally.is_waiting
            tally.count(counted)
            if not was_waiting:
                _writer.wake()
            return
    record = describing.describe(error, counted.kind, facts)
    if not _writer.put(record):
        with _writer.changed:
            tally.count(counted)
            _writer.wake()


def _begin_anew() -> None:
    """A forked child has no thread, and what waited is its parent's to write."""
    global _writer
    _writer = Writer(store, _spool, close)


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(end)
