"""Tasks that do harm, for workers of the fault tests. Each start leaves a line in a file."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import shared_task
from django.conf import settings

from monitoring import correlation
from monitoring.errors import reporting


def note(file: str, text: str) -> int:
    """Append a line; how many there are now."""
    with Path(file).open("a") as lines:
        lines.write(f"{text}\n")
    return len(Path(file).read_text().splitlines())


@shared_task
def kill_worker(file: str, times: int) -> None:
    """End this process at once, the first few times."""
    if note(file, "started") <= times:
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def work(file: str, name: str) -> None:
    """Do what is asked."""
    note(file, name)


@shared_task
def fail(name: str) -> None:
    """Fail."""
    raise ValueError(f"no luck with {name}")


@shared_task
def pass_on(file: str) -> None:
    """Send a task that fails."""
    note(file, correlation.current())
    fail.apply_async(["what was sent on"], queue="general")


@shared_task(
    autoretry_for=(ConnectionError,), max_retries=3, retry_backoff=False, default_retry_delay=0
)
def fail_at_first(file: str, times: int) -> None:
    """Fail the first few times."""
    if note(file, "started") <= times:
        raise ConnectionError("not yet")


@shared_task
def leak(words: list[str], **secrets: Any) -> None:
    """Fail with everything that must not be seen."""
    context = {"settings": {"SECRET_KEY": settings.SECRET_KEY}, "secrets": secrets}
    with reporting.guarded("leak", nested=context, told=" ".join(words)):
        raise ValueError(f"{settings.SECRET_KEY} {' '.join(words)} {secrets}")


def fail_in_flight(number: int) -> None:
    raise ValueError(f"BAW{number} at {number / 7:.4f} has no plan")


@shared_task
def storm(file: str, each_second: int, seconds: int) -> None:
    """Fail as often as asked, evenly, and note what that cost: CPU s, with reporting or without."""
    silent = _storm(each_second, 1, lambda _: None)
    loud = _storm(each_second, seconds, reporting.report)
    note(file, json.dumps({"silent": silent, "loud": loud / seconds}))


def _storm(each_second: int, seconds: int, report: Any) -> float:
    cpu, began = time.process_time(), time.monotonic()
    for number in range(each_second * seconds):
        if number % 50 == 0:
            time.sleep(max(0.0, began + number / each_second - time.monotonic()))
        try:
            fail_in_flight(number)
        except ValueError as error:
            report(error)
    return time.process_time() - cpu
