"""Calls the handlers: each by itself, with a time limit, a breaker and a number of attempts.

A handler that writes to the database does so in the transaction that marks its delivery as done:
its effect is there once. One that reaches outside runs in no transaction and may be called again
after a crash; the event's `key` tells it so.
"""

import resource
import sys
import time
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.db import connection, transaction

from monitoring import correlation
from monitoring.errors import reporting
from monitoring.errors.breakers import Breaker, BreakerOpen
from monitoring.events import causation
from monitoring.events.claims import (
    Claim,
    claim_lost,
    claim_next,
    give_back,
    mark_done,
    mark_failed,
    turn_of,
)
from monitoring.events.limits import time_limit
from monitoring.events.payloads import EventError
from monitoring.events.signals import Handler, StoredEvent, find_handler, signal_of

SERVICE = "events"
BUDGET_S = 10.0  # of one task, after which others have their turn


class NoSuchHandler(EventError):
    """A delivery to a handler that is not, or no longer, connected."""


class HandlerLost(Exception):
    """The process in which a handler ran has ended, and perhaps the handler ended it."""


class HandlerExit(Exception):
    """A handler wanted to end its process."""


class _ClaimPassed(Exception):
    """The claim is another's by now: nothing of the handler's may stay."""


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
        _settle_lost(handler_name, result)
        end = time.monotonic() + seconds
        while _deliver_next(handler_name, result):
            if time.monotonic() > end or _is_bloated():
                result.more = True
                break
    return result


@lru_cache(maxsize=1024)
def breaker_of(handler_name: str) -> Breaker:
    """The breaker before a handler."""
    return Breaker(f"handler:{handler_name}", service=SERVICE)


def _deliver_next(handler_name: str, result: DeliveryResult) -> bool:
    """Attempt one delivery; whether there may be more to do."""
    claim = claim_next(handler_name, _timeout_of(handler_name))
    if claim is None:
        return False
    started = time.monotonic()
    try:
        _attempt(claim, handler_name)
        result.done += 1
    except BreakerOpen:
        give_back(claim)
        result.refused = True
        return False
    except _ClaimPassed:
        pass
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is an outcome
        _note_failure(claim, handler_name, error, time.monotonic() - started, result)
    return True
