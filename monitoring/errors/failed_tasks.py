"""Tasks that gave up: how they are kept, tried again and put away.

A row waits for a person. Retrying and discarding are conditional updates: of two people, or of one
who clicks twice, one changes the row, and the task is sent once.
"""

import uuid
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from monitoring.errors.failed_calls import signature_of
from monitoring.errors.records import FailedTaskRecord
from monitoring.models import FailedTask


class NotRetryable(Exception):
    """The task can't be sent again as it was."""


@dataclass(frozen=True)
class Decision:
    """A failed task after a decision; `is_new` is false where somebody had decided before."""

    task: FailedTask
    is_new: bool


def record_failure(record: FailedTaskRecord) -> FailedTask:
    """Add a row that waits, or count one more failure on the one that does."""
    facts = {
        "task_id": record.task_id,
        "error": record.error,
        "traceback": record.traceback,
        "attempts": record.attempts,
        "correlation_id": record.correlation_id,
        "last_failed_at": record.at,
    }
    row, is_new = FailedTask.objects.get_or_create(
        signature=record.signature,
        status=FailedTask.Status.FAILED,
        defaults=facts
        | {
            "task": record.task,
            "args": record.args,
            "kwargs": record.kwargs,
            "queue": record.queue,
            "first_failed_at": record.at,
        },
    )
    if not is_new:
        FailedTask.objects.filter(pk=row.pk).update(failures=F("failures") + 1, **facts)
    return row


def retry(task: FailedTask, by: User) -> Decision:
    """Send the task once more, with its arguments to its queue, and record that `by` did it.

    Raises `NotRetryable` where nobody knows the task any more, or its arguments are incomplete. If
    it fails again, that is a new row.
    """
    _import_tasks()
    if task.task not in current_app.tasks:
        raise NotRetryable(f"There is no task {task.task} any more.")
    if signature_of(task.task, task.args, task.kwargs) != task.signature:
        raise NotRetryable("Its arguments were not kept as they were: too long, or secret.")
    task_id = str(uuid.uuid4())
    with transaction.atomic():
        is_new = _decide(task, FailedTask.Status.RETRIED, by, retry_task_id=task_id)
        if is_new:
            transaction.on_commit(lambda: _send(task, task_id))
    return Decision(task, is_new)


def discard(task: FailedTask, by: User) -> Decision:
    """Put the task away, and record that `by` did it."""
    return Decision(task, _decide(task, FailedTask.Status.DISCARDED, by))


def _import_tasks() -> None:
    """Know all tasks; only workers have imported them so far."""
    current_app.autodiscover_tasks(force=True)
    for module in current_app.loader.default_modules:
        import_module(module)


def _decide(task: FailedTask, status: FailedTask.Status, by: User, **fields: Any) -> bool:
    waiting = FailedTask.objects.filter(pk=task.pk, status=FailedTask.Status.FAILED)
    changed = waiting.update(status=status, decided_at=timezone.now(), decided_by=by, **fields)
    task.refresh_from_db()
    return bool(changed)


def _send(task: FailedTask, task_id: str) -> None:
    try:
        current_app.send_task(
            task.task, task.args, task.kwargs, task_id=task_id, queue=task.queue or None
        )
    except Exception:
        _wait_again(task)
        raise


def _wait_again(task: FailedTask) -> None:
    """The broker did not take it; unless it has failed anew meanwhile, the row waits as before."""
    others = FailedTask.objects.filter(signature=task.signature, status=FailedTask.Status.FAILED)
    if not others.exists():
        FailedTask.objects.filter(pk=task.pk, retry_task_id=task.retry_task_id).update(
            status=FailedTask.Status.FAILED, decided_at=None, decided_by=None, retry_task_id=""
        )
