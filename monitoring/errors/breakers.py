"""Circuit breakers, shared by all processes.

A breaker stands before what lies outside and may be down. It lets everything through until a run
of calls has failed, or half of many; then nothing for a while; then one probe at a time, of all
processes together, until enough of them succeeded. See `breaker_policy.py` for the rules.

A process asks about a closed breaker twice a second at most, and tells of successes when it asks;
of a failure it tells at once. So an idle breaker costs a call a few microseconds.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

import msgspec
from django.conf import settings
from django.db import transaction

from monitoring.errors import reporting
from monitoring.errors.breaker_policy import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    Condition,
    Message,
    Policy,
    Reply,
    Transition,
    Verdict,
    Word,
)
from monitoring.errors.breaker_store import BreakerStore, now_ms
from monitoring.errors.describing import text_of
from monitoring.errors.installation import scrubber
from monitoring.errors.kinds import BreakerState, Strategy
from monitoring.errors.records import TransitionRecord

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

TRUST_S = 0.5  # for which a process believes what it heard of a breaker
LONGEST_NAME, LONGEST_REASON = 100, 200  # in the table of transitions

_store = BreakerStore()


class BreakerOpen(Exception):
    """The call was not made; in `retry_in_s` it can be worth asking again."""

    def __init__(self, name: str, retry_in_s: float) -> None:
        super().__init__(f"The breaker {name} is open for another {retry_in_s:.1f} s.")
        self.name = name
        self.retry_in_s = retry_in_s


class Call:
    """A call that a breaker let through."""

    __slots__ = ("failure",)

    def __init__(self) -> None:
        self.failure: str | None = None

    def fail(self, reason: str) -> None:
        """Count it as failed, though it raises nothing."""
        self.failure = reason


class BreakerStatus(msgspec.Struct, frozen=True):
    """How a breaker is; times are wall clock, durations seconds."""

    state: BreakerState
    failure_count: int  # since the last success
    last_failure_time: datetime | None
    last_failure_reason: str
    since: datetime | None  # the last change of state
    opened_at: datetime | None
    retry_in_seconds: float | None  # until the next probe may go
    successful_probes: int
    recent_calls: int  # of the last minute or so
    recent_failures: int


class Breaker:
    """A breaker by its name: any process that uses the name shares it.

    Only exceptions of `failed_by` are failures; any other says nothing of the other side.
    A breaker is open for `open_s`, twice as long after each failed probe, `most_open_s` at most.
    A probe that is not heard of for `probe_s` is given up, so let calls end before that.
    """

    def __init__(
        self,
        name: str,
        *,
        failed_by: type[Exception] | tuple[type[Exception], ...] = Exception,
        failures: int | None = None,  # CIRCUIT_BREAKER_FAILURE_THRESHOLD
        open_s: float | None = None,  # CIRCUIT_BREAKER_TIMEOUT
        most_open_s: float | None = None,  # ten times as much
        probe_s: float | None = None,  # CIRCUIT_BREAKER_TIMEOUT
        service: str = "",
    ) -> None:
        self.name = name
        self.service = service
        self._failed_by = failed_by
        self._wanted = (failures, open_s, most_open_s, probe_s)
        self._lock = threading.Lock()
        self._successes = 0  # not told yet
        self._succeeded_at = 0.0
        self._run = 0  # failures of all processes, as last heard
        # Of the monotonic clock.
        self._closed_until = self._refused_until = self._retry_at = float("-inf")

    def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `fn` returns. Raises `BreakerOpen` without calling it."""
        with self.guard():
            return fn(*args, **kwargs)

    def __call__(self, fn: Callable[P, T]) -> Callable[P, T]:
        """Guard every call of a function."""

        @wraps(fn)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            return self.call(fn, *args, **kwargs)

        return guarded

    @contextmanager
    def guard(self) -> Iterator["Call"]:
        """Guard a block. Raises `BreakerOpen` instead of entering it."""
        token = self._admit()
        call = Call()
        try:
            yield call
        except self._failed_by as error:
            self._say(Word.FAILED, token, describe(error))
            raise
        except BaseException:
            if token:
                self._say(Word.RELEASED, token)
            raise
        if call.failure is not None:
            self._say(Word.FAILED, token, clean(call.failure))
        else:
            self._note_success(token)

    def forget(self) -> None:
        """Remove it, since its subject is gone."""
        _store.forget(self.name)

    @cached_property
    def policy(self) -> Policy:
        """The rules of this breaker."""
        failures, open_s, most_open_s, probe_s = self._wanted
        open_s = open_s or settings.CIRCUIT_BREAKER_TIMEOUT
        return Policy(
            failures=failures or settings.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
            window_ms=_ms(2 * open_s),
            open_ms=_ms(open_s),
            most_open_ms=_ms(most_open_s or 10 * open_s),
            probe_ms=_ms(probe_s or open_s),
        )

    def _admit(self) -> str:
        """The token of a probe; an empty string where the breaker is closed."""
        now = time.monotonic()
        if now < self._closed_until:
            return ""
        if now < self._refused_until:
            raise BreakerOpen(self.name, self._retry_at - now)
        token = uuid.uuid4().hex
        reply = self._say(Word.ASK, token)
        if reply.verdict is Verdict.PROBE:
            return token
        if reply.verdict is Verdict.CALL:
            self._closed_until = now + TRUST_S
            return ""
        retry_s = reply.retry_ms / 1000
        self._retry_at = now + retry_s
        self._refused_until = now + min(retry_s, TRUST_S)
        raise BreakerOpen(self.name, retry_s)

    def _note_success(self, token: str) -> None:
        # One that ends a run of failures is told at once, like a failure.
        if token or self._run:
            self._say(Word.SUCCEEDED, token)
            return
        with self._lock:
            self._successes += 1
            self._succeeded_at = time.monotonic()

    def _say(self, word: Word, token: str = "", reason: str = "") -> Reply:
        with self._lock:
            successes, self._successes = self._successes, 0
            age_ms = _ms(time.monotonic() - self._succeeded_at) if successes else 0
        message = Message(word, token, reason, successes, age_ms)
        reply = _store.exchange(self.name, self.policy, message)
        self._run = reply.run
        if reply.transition:
            self._closed_until = self._refused_until = float("-inf")
            self._record(reply.transition)
        return reply

    def _record(self, change: Transition) -> None:
        """Only the process whose message changed the state gets here: so it is recorded once."""
        _record_transition(self.name, change)
        if change.to_state is CLOSED:
            self._count(succeeded=True, seconds=change.lasted_ms / 1000)
        elif (change.from_state, change.to_state) == (HALF_OPEN, OPEN):
            self._count(succeeded=False)

    def _count(self, *, succeeded: bool, seconds: float = 0.0) -> None:
        reporting.count_recovery(
            Strategy.CIRCUIT_BREAKER,
            self.name,
            succeeded=succeeded,
            seconds=seconds,
            service=self.service,
        )


def breaker_states() -> dict[str, BreakerStatus]:
    """Every breaker that was used of late, by name."""
    now = now_ms()
    return {name: _status(condition, now) for name, condition in _store.conditions().items()}


def reset(name: str, by: Any) -> None:
    """Close a breaker, and record that the user `by` did it. Raises `LookupError`."""
    if name not in _store.conditions():
        raise LookupError(f"There is no breaker {name}.")
    from monitoring.models import BreakerTransition

    reply = _store.exchange(name, Policy(), Message(Word.RESET, reason="reset"))
    if change := reply.transition:
        with transaction.atomic():  # its row, and who else is told of it
            BreakerTransition.objects.create(
                name=name[:LONGEST_NAME],
                at=_time(change.at),
                from_state=change.from_state,
                to_state=change.to_state,
                reason=change.reason,
                by=by,
            )
        logger.warning("Breaker %s: reset by %s", name, by)


def _record_transition(name: str, change: Transition) -> None:
    words = (name, change.from_state, change.to_state, change.reason)
    logger.warning("Breaker %s: %s to %s %s", *words)
    reporting.write_later(
        TransitionRecord(
            name=name[:LONGEST_NAME],
            at=_time(change.at),
            from_state=change.from_state,
            to_state=change.to_state,
            reason=change.reason,
        )
    )


def _status(condition: Condition, now: int) -> BreakerStatus:
    is_closed = condition.state is CLOSED
    return BreakerStatus(
        state=condition.state,
        failure_count=condition.run,
        last_failure_time=_time(condition.failed_at) if condition.failed_at else None,
        last_failure_reason=condition.reason,
        since=_time(condition.since) if condition.since else None,
        opened_at=_time(condition.opened_at) if condition.opened_at else None,
        retry_in_seconds=None if is_closed else max(0, condition.until_at - now) / 1000,
        successful_probes=condition.successes,
        recent_calls=sum(condition.calls.values()),
        recent_failures=sum(condition.failed.values()),
    )


def describe(error: BaseException) -> str:
    """What a failure was, in a line."""
    return clean(f"{type(error).__name__}: {text_of(error)}")


def clean(text: str) -> str:
    """A text that can be shown and stored: no secrets, one line, not too long."""
    return scrubber().text(" ".join(text.split()), LONGEST_REASON)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
