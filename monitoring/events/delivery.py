"""Calls the handlers: each by itself, with a time limit, a breaker and a number of attempts.

A handler that writes to the database does so in the transaction that marks its delivery as done:
its effect is there once. One that reaches outside runs in no transaction and may be called again
after a crash; the event's `key` tells it so.
"""

import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from django.conf import settings
from django.db import connection, transaction

from monitoring import correlation
from monitoring.errors import reporting
from monitoring.errors.breakers import Breaker, BreakerOpen
from monitoring.events import causation
from monitoring.events.claims import (
    MARGIN_S,
    Claim,
    claim_lost,
    claim_next,
    give_back,
    handlers_due,
    mark_done,
    mark_failed,
    turn_of,
)
from monitoring.events.limits import time_limit
from monitoring.events.payloads import EventError
from monitoring.events.signals import Handler, StoredEvent, all_handlers, signal_of

SERVICE = "events"
BREAKERS = "handler:"  # before the handler's name, in the breaker's
BUDGET_S = 10.0  # of one task, after which others have their turn


class NoSuchHandler(EventError):
    """A delivery to a handler that is not, or no longer, connected."""


class HandlerLost(Exception):
    """The process in which a handler ran has ended, and perhaps the handler ended it."""


class HandlerExit(Exception):
    """A handler's process was to end: the handler wanted it, or the time limit of the task."""


@dataclass(slots=True)
class DeliveryResult:
    """What became of the deliveries of one handler; `more` says that others are due."""

    done: int = 0
    failed: int = 0
    dead: int = 0
    more: bool = False
    busy: bool = False  # another process delivers to it
    refused: bool = False  # by its breaker


def deliver(handler_name: str, seconds: float = BUDGET_S) -> DeliveryResult:
    """Deliver what is due to a handler; after `seconds` leave the rest to the next call."""
    result = DeliveryResult()
    with turn_of(handler_name) as is_ours:
        if not is_ours:
            result.busy = True
            return result
        handler = all_handlers().get(handler_name) or _missing(handler_name)
        _settle_lost(handler, result)
        end = time.monotonic() + seconds
        while _deliver_next(handler, result):
            if time.monotonic() > end or _is_bloated():
                result.more = True
                break
    return result


def dispatch(wake: Callable[[str, float], object]) -> int:
    """Call `wake` with each handler that has due deliveries, and with the seconds it may take."""
    due = handlers_due()
    handlers = all_handlers() if due else {}
    for name in due:
        handler = handlers.get(name)
        wake(name, limit_s(handler.timeout_s if handler else 0.0))
    return len(due)


def limit_s(timeout_s: float) -> float:
    """After so long a call of `deliver` can only be ended with its process."""
    return BUDGET_S + timeout_s + MARGIN_S


@lru_cache(maxsize=1024)
def breaker_of(handler_name: str, timeout_s: float = 0.0) -> Breaker:
    """The breaker before a handler, which may take so long."""
    # A probe is not given up before the claim that it comes with.
    return Breaker(f"{BREAKERS}{handler_name}", service=SERVICE, probe_s=timeout_s + MARGIN_S)


def _deliver_next(handler: Handler, result: DeliveryResult) -> bool:
    """Attempt one delivery; whether there may be more to do."""
    claim = claim_next(handler.name, handler.timeout_s)
    if claim is None:
        return False
    started = time.monotonic()
    try:
        _attempt(claim, handler)
        result.done += 1
    except BreakerOpen:
        give_back(claim)
        result.refused = True
        return False
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is an outcome
        _note_failure(claim, handler.name, error, time.monotonic() - started, result)
    return True


def _attempt(claim: Claim, handler: Handler) -> None:
    event = _event(claim)
    with (
        correlation.use(claim.correlation_id),
        causation.use(claim.event_id),
        breaker_of(handler.name, handler.timeout_s).guard(),
    ):
        if handler.outside:
            seconds = _call(handler, event)
        else:
            _call_in_transaction(handler, event, claim)
    if handler.outside:
        mark_done(claim, seconds)


def _call_in_transaction(handler: Handler, event: StoredEvent, claim: Claim) -> None:
    with transaction.atomic():
        _limit_statements(handler.timeout_s)
        seconds = _call(handler, event)
        if not mark_done(claim, seconds):
            # The claim is another's by now: nothing of this attempt may stay.
            transaction.set_rollback(True)


def _call(handler: Handler, event: StoredEvent) -> float:
    """Run the handler; the seconds it took."""
    started = time.monotonic()
    try:
        with time_limit(handler.timeout_s):
            handler.receiver(event)
    except SystemExit as error:
        raise HandlerExit(f"Its process was to end ({error}).") from error
    return time.monotonic() - started


def _limit_statements(seconds: float) -> None:
    """Have PostgreSQL end a statement of this transaction, too, whose caller waits no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [str(round(seconds * 1000))]
        )


def _event(claim: Claim) -> StoredEvent:
    return StoredEvent(
        id=claim.event_id,
        type=claim.type,
        version=claim.version,
        service=claim.service,
        subject=claim.subject,
        occurred_at=claim.occurred_at,
        payload=signal_of(claim.type).payload.decode(claim.payload),
        correlation_id=claim.correlation_id,
        causation_id=claim.causation_id,
        key=claim.key,
        replay_id=claim.replay_id,
    )


def _missing(name: str) -> Handler:
    """What stands in for a handler that is not connected: a new release may bring it back."""

    def refuse(_: StoredEvent) -> NoReturn:
        raise NoSuchHandler(f"There is no handler {name}.")

    return Handler(name, refuse, outside=True)


def _settle_lost(handler: Handler, result: DeliveryResult) -> None:
    """Count as failures the attempts whose process has ended."""
    breaker = breaker_of(handler.name, handler.timeout_s)
    for claim in claim_lost(handler.name):
        error = HandlerLost(f"The process ended during attempt {claim.attempt}.")
        with suppress(BreakerOpen), breaker.guard() as call:
            call.fail(str(error))
        _note_failure(claim, handler.name, error, 0.0, result)


def _note_failure(
    claim: Claim, handler_name: str, error: Exception, seconds: float, result: DeliveryResult
) -> None:
    result.failed += 1
    result.dead += mark_failed(claim, error, seconds)
    with correlation.use(claim.correlation_id):
        reporting.report(
            error,
            service=SERVICE,
            operation=handler_name,
            context={
                "event_id": claim.event_id,
                "event_type": claim.type,
                "delivery_id": claim.id,
                "attempt": claim.attempt,
            },
        )


def _is_bloated() -> bool:
    """Whether this process has grown so large that Celery replaces it after the task."""
    most_kb: int = settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest > most_kb * (1024 if sys.platform == "darwin" else 1)
