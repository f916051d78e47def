"""How every Celery task runs: under a correlation id, its errors reported, and not for ever.

`SiteTask` is the class of all tasks. What happens outside of a task's own process, and on the way
of its message, is heard by Celery's signals: `connect` connects them.
"""

import time
from typing import Any

import celery
from celery import signals
from celery.exceptions import Reject, Retry

from monitoring import correlation
from monitoring.errors import describing, failed_calls, reporting, starts
from monitoring.errors.context import within
from monitoring.errors.kinds import Strategy
from monitoring.errors.records import FailedTaskRecord

# In the headers of a message; what is there travels on with each retry.
CORRELATION = "site_correlation_id"
FIRST_FAILED = "site_first_failed_at"  # seconds of the epoch


class SiteTask(celery.Task):  # type: ignore[misc] # Celery carries no types
    """A task that a worker runs; called directly it is a plain function."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task for a message, unless its worker died of it too often."""
        request = self.request
        if request.called_directly or request.is_eager:
            return super().__call__(*args, **kwargs)
        correlation_id = correlation.choose(request.get(CORRELATION) or "")
        facts = {"task_id": request.id, "retries": request.retries}
        with (
            correlation.use(correlation_id),
            reporting.guarded(self.name, service=service_of(self.name), **facts),
        ):
            return self._run_counted(args, kwargs)

    def _run_counted(self, args: Any, kwargs: Any) -> Any:
        request = self.request
        start = starts.note_start(request.id, request.retries)
        if start.number > starts.MOST_STARTS:
            starts.note_end(request.id, request.retries)
            self._count_deaths(start)
            raise starts.WorkerDied(starts.MOST_STARTS)
        try:
            result = self.run(*args, **kwargs)
        except Reject:  # the message comes again: no end
            raise
        except Exception as error:
            self._note_end(start, succeeded=False)
            if isinstance(error, Retry) and error.exc is not None:
                reporting.report(error.exc)
            raise
        self._note_end(start, succeeded=True)
        return result

    def _note_end(self, start: starts.Start, *, succeeded: bool) -> None:
        request = self.request
        starts.note_end(request.id, request.retries)
        if start.number > 1:
            self._count_deaths(start)
            self._count(Strategy.RESTART, succeeded=succeeded, seconds=start.seconds)
        if request.retries:
            first_failed_at = request.get(FIRST_FAILED) or time.time()
            seconds = max(0.0, time.time() - float(first_failed_at))
            self._count(Strategy.RETRY, succeeded=succeeded, seconds=seconds)

    def _count_deaths(self, start: starts.Start) -> None:
        """Count the restarts before this one: they died, and could not count themselves."""
        for _ in range(start.number - 2):
            self._count(Strategy.RESTART, succeeded=False)

    def _count(self, strategy: Strategy, *, succeeded: bool, seconds: float = 0.0) -> None:
        reporting.count_recovery(
            strategy,
            self.name,
            succeeded=succeeded,
            seconds=seconds,
            service=service_of(self.name),
        )


def service_of(task: str) -> str:
    """The app that a task belongs to, by its dotted name."""
    return task.partition(".")[0]


def connect() -> None:
    """Listen to Celery."""
    signals.before_task_publish.connect(note_origin)
    signals.task_failure.connect(keep_failure)
    signals.worker_process_shutdown.connect(end_process)


def note_origin(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Send along which request or task a task comes from, and when it failed first."""
    if headers is None:
        return
    headers[CORRELATION] = correlation.choose(headers.get(CORRELATION) or correlation.current())
    if headers.get("retries") and not headers.get(FIRST_FAILED):
        headers[FIRST_FAILED] = time.time()


def keep_failure(
    sender: Any, task_id: str, exception: BaseException, args: Any, kwargs: Any, **_: Any
) -> None:
    """Keep a task that gave up. Without a process of its own (it was killed) report the error."""
    request = sender.request
    correlation_id = str(request.get(CORRELATION) or "")[:64]
    service = service_of(sender.name)
    with correlation.use(correlation_id), within(sender.name, service, task_id=task_id):
        reporting.report(exception)
    reporting.write_later(
        FailedTaskRecord(
            task=sender.name,
            **failed_calls.kept(sender.name, args, kwargs),
            queue=str((request.delivery_info or {}).get("routing_key") or "")[:50],
            task_id=task_id,
            error=describing.summary_of(exception),
            traceback=describing.traceback_of(exception),
            attempts=int(request.retries) + int(getattr(exception, "starts", 1)),
            correlation_id=correlation_id,
            at=describing.now(),
        )
    )


def end_process(**_: Any) -> None:
    """Lose nothing when a child of the worker ends."""
    reporting.end()
