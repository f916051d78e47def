"""What is due, and whose turn it is: the statements behind delivery.

A delivery is claimed by a conditional update, which counts the attempt and is committed before
the handler starts. Only the claim that is still in force can end it, so whatever a slow or dead
process left behind changes nothing.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from monitoring.errors.installation import scrubber
from monitoring.models import Delivery, Event

MOST_ATTEMPTS = 5
MOST_WAIT_S = 600.0  # between two attempts
MARGIN_S = 5.0  # after a handler's time limit, until its claim ends
MOST_ERROR = 2000  # bytes kept of what went wrong

_LOCKS = 0x4556_4E54  # the advisory locks of handlers
_TABLES = {"delivery": Delivery._meta.db_table, "event": Event._meta.db_table}


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process may attempt, with its event."""

    id: int
    attempt: int
    replay_id: int | None
    event_id: int
    type: str
    version: int
    service: str
    subject: str
    occurred_at: datetime
    payload: str  # JSON
    correlation_id: str
    causation_id: int | None

    @property
    def key(self) -> str:
        """Names the delivery to the outside, the same for each attempt."""
        return f"{self.id}" if self.replay_id is None else f"{self.id}-replay-{self.replay_id}"


@contextmanager
def turn_of(handler: str) -> Iterator[bool]:
    """Whether this process alone delivers to the handler now, so that it blocks no other one."""
    is_ours = bool(_value("SELECT pg_try_advisory_lock(%s, hashtext(%s))", _LOCKS, handler))
    try:
        yield is_ours
    finally:
        if is_ours:
            # Where the connection was lost, so was the lock.
            with suppress(DatabaseError, InterfaceError):
                _value("SELECT pg_advisory_unlock(%s, hashtext(%s))", _LOCKS, handler)


def handlers_due() -> list[str]:
    """The names of handlers with due deliveries, by as many steps through an index."""
    with connection.cursor() as cursor:
        cursor.execute(_HANDLERS_DUE)
        return [name for (name,) in cursor.fetchall()]


def claim_next(handler: str, timeout_s: float) -> Claim | None:
    """Claim the delivery that is due the longest."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"handler": handler, "seconds": timeout_s + MARGIN_S})
        row = cursor.fetchone()
    return Claim(*row) if row else None


def claim_lost(handler: str) -> list[Claim]:
    """Claims that were never ended: their process was. Each is held for a moment longer."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_LOST, {"handler": handler, "seconds": MARGIN_S})
        return [Claim(*row) for row in cursor.fetchall()]


def mark_done(claim: Claim, seconds: float) -> bool:
    """End a delivery that succeeded; False where the claim has passed on."""
    return _end(claim, status=Delivery.Status.DONE, seconds=seconds)


def mark_failed(claim: Claim, error: BaseException, seconds: float) -> bool:
    """Have a delivery tried again later or, at its last attempt, no more; whether it is dead."""
    is_dead = claim.attempt >= MOST_ATTEMPTS
    reason = scrubber().text(f"{type(error).__name__}: {error}", MOST_ERROR)
    if is_dead:
        return _end(claim, status=Delivery.Status.DEAD, seconds=seconds, error=reason)
    _end(
        claim,
        status=Delivery.Status.PENDING,
        seconds=seconds,
        error=reason,
        wait_s=wait_s(claim.attempt, settings.EVENT_BUS_RETRY_SECONDS),
    )
    return False


def give_back(claim: Claim) -> None:
    """Undo a claim whose handler was not called after all."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"id": claim.id, "attempt": claim.attempt})


def wait_s(attempt: int, first_s: float) -> float:
    """How long to wait after a failed attempt (1, 2, …): exponential, with full jitter."""
    return random.uniform(0, min(MOST_WAIT_S, first_s * 2 ** (attempt - 1)))  # noqa: S311


def _end(
    claim: Claim, *, status: str, seconds: float, error: str | None = None, wait_s: float = 0.0
) -> bool:
    values: dict[str, str | float | None] = {
        "status": status,
        "seconds": seconds,
        "error": error,
        "wait_s": wait_s,
    }
    with connection.cursor() as cursor:
        cursor.execute(_END, values | {"id": claim.id, "attempt": claim.attempt})
        return cursor.rowcount == 1


def _value(statement: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]


_HANDLERS_DUE = """
    WITH RECURSIVE waiting (name) AS (
        (SELECT handler FROM {delivery} WHERE status = 'pending' ORDER BY handler LIMIT 1)
        UNION ALL
        SELECT (SELECT handler FROM {delivery} WHERE status = 'pending' AND handler > name
                ORDER BY handler LIMIT 1)
        FROM waiting WHERE name IS NOT NULL
    )
    SELECT name FROM waiting WHERE name IS NOT NULL AND EXISTS (
        SELECT FROM {delivery}
        WHERE status = 'pending' AND handler = name AND due_at <= statement_timestamp()
    )""".format_map(_TABLES)
_OF_CLAIM = """
    delivery.id, delivery.attempts, delivery.replay_id, event.id, event.type, event.version,
    event.service, event.subject, event.occurred_at, event.payload::text, event.correlation_id,
    event.causation_id"""
# A claim need not reach the disk before its handler starts: what survives the processes is enough,
# and should the whole server fail, an attempt is counted less. The delivery's end does wait.
_CLAIM = """
    UPDATE {delivery} AS delivery
    SET attempts = attempts + 1,
        claimed_until = statement_timestamp() + %(seconds)s * interval '1 second'
    FROM {event} AS event, (SELECT set_config('synchronous_commit', 'off', true)) AS setting
    WHERE event.id = delivery.event_id AND delivery.id = (
        SELECT id FROM {delivery}
        WHERE status = 'pending' AND handler = %(handler)s AND due_at <= statement_timestamp()
          AND claimed_until IS NULL
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING {columns}""".format_map(_TABLES | {"columns": _OF_CLAIM})
_CLAIM_LOST = """
    UPDATE {delivery} AS delivery
    SET claimed_until = statement_timestamp() + %(seconds)s * interval '1 second'
    FROM {event} AS event
    WHERE event.id = delivery.event_id AND delivery.id IN (
        SELECT id FROM {delivery}
        WHERE status = 'pending' AND handler = %(handler)s AND due_at <= statement_timestamp()
          AND claimed_until < statement_timestamp()
        ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    RETURNING {columns}""".format_map(_TABLES | {"columns": _OF_CLAIM})
_END = """
    UPDATE {delivery}
    SET status = %(status)s, seconds = %(seconds)s, error = coalesce(%(error)s, error),
        due_at = CASE %(status)s WHEN 'pending'
                 THEN statement_timestamp() + %(wait_s)s * interval '1 second' ELSE due_at END,
        finished_at = CASE %(status)s WHEN 'pending' THEN NULL ELSE statement_timestamp() END,
        claimed_until = NULL
    WHERE id = %(id)s AND status = 'pending' AND attempts = %(attempt)s""".format_map(_TABLES)
_GIVE_BACK = """
    UPDATE {delivery} SET attempts = attempts - 1, claimed_until = NULL
    WHERE id = %(id)s AND status = 'pending' AND attempts = %(attempt)s""".format_map(_TABLES)
