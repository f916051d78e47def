"""Records about errors as tests need them."""

from datetime import UTC, datetime
from typing import Any

from monitoring.errors.failed_calls import kept
from monitoring.errors.fingerprint import fingerprint_of
from monitoring.errors.kinds import Category, Severity
from monitoring.errors.records import CountRecord, ErrorRecord, FailedTaskRecord, Kind

AT = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


def kind(message: str = "no answer", **fields: Any) -> Kind:
    return Kind(
        **{
            "fingerprint": fingerprint_of("ValueError", ("f",), message),
            "exception_type": "ValueError",
            "message": message,
            "severity": Severity.HIGH,
            "category": Category.NETWORK,
            "service": "collector",
            "operation": "collector.tasks.poll",
        }
        | fields
    )


def error(of: Kind | None = None, at: datetime = AT, **fields: Any) -> ErrorRecord:
    return ErrorRecord(
        **{
            "kind": of or kind(),
            "at": at,
            "correlation_id": "correlation-1",
            "process": "web:1",
            "message": "no answer",
            "traceback": "Traceback ...",
            "context": {"n": 1},
        }
        | fields
    )


def count(number: int, of: Kind | None = None, at: datetime = AT) -> CountRecord:
    return CountRecord(kind=of or kind(), count=number, first_at=at, last_at=at)


def failed_task(task: str = "collector.tasks.poll", args: Any = (), **fields: Any) -> Any:
    return FailedTaskRecord(
        **{
            "task": task,
            **kept(task, args, {}),
            "queue": "general",
            "task_id": "id-1",
            "error": "ValueError: no",
            "traceback": "Traceback ...",
            "attempts": 4,
            "correlation_id": "correlation-1",
            "at": AT,
        }
        | fields
    )
