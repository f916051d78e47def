"""What is written about errors, as typed records: they wait in memory and in the spool alike.

Each carries an id, by which PostgreSQL takes it once, however often it is offered. Instants are
wall clock in UTC; an hour is its beginning.
"""

import uuid
from datetime import datetime
from typing import Any

import msgspec

from monitoring.errors.kinds import BreakerState, Category, Severity, Strategy


def new_id() -> str:
    """An id that no other record has."""
    return uuid.uuid4().hex


class Record(msgspec.Struct, kw_only=True, tag_field="record", omit_defaults=True):
    """One thing to write."""

    id: str = msgspec.field(default_factory=new_id)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What errors of one fingerprint have in common; `message` is without numbers and names."""

    fingerprint: str
    exception_type: str
    message: str
    severity: Severity
    category: Category
    service: str
    operation: str


class ErrorRecord(Record, kw_only=True, tag="error"):
    """One error with all that is known of it."""

    kind: Kind
    at: datetime
    correlation_id: str
    process: str
    message: str
    traceback: str
    context: dict[str, Any]


class CountRecord(Record, kw_only=True, tag="count"):
    """Further errors of a kind, within one hour, of which nothing else is kept."""

    kind: Kind
    count: int
    first_at: datetime
    last_at: datetime


class RecoveryRecord(Record, kw_only=True, tag="recovery"):
    """What a strategy achieved for an operation; `seconds` is the sum over its successes."""

    hour: datetime
    strategy: Strategy
    service: str
    operation: str
    successes: int
    failures: int
    seconds: float


class TransitionRecord(Record, kw_only=True, tag="transition"):
    """One change of a circuit breaker's state."""

    name: str
    at: datetime
    from_state: BreakerState
    to_state: BreakerState
    reason: str = ""


class FailedTaskRecord(Record, kw_only=True, tag="failed_task"):
    """A task that gave up; `attempts` counts the starts of this failure."""

    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    signature: str
    queue: str
    task_id: str
    error: str
    traceback: str
    attempts: int
    correlation_id: str
    at: datetime


AnyRecord = ErrorRecord | CountRecord | RecoveryRecord | TransitionRecord | FailedTaskRecord
