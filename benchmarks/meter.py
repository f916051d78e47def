"""Reads what processes have cost, and what PostgreSQL has written."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from statistics import median
from typing import Any

import psutil
from django.db import connection


def report(**figures: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps(figures), flush=True)


def cpu_of_tree(pid: int) -> float:
    """Seconds of CPU that a process, its ended and its running children have used.

    PostgreSQL's backends are children of its first process, which waits for them.
    """
    root = psutil.Process(pid)
    own = root.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in root.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def cpu_seconds(action: Callable[[], Any]) -> float:
    """Seconds of CPU that this process spends on `action`."""
    started = time.process_time()
    action()
    return time.process_time() - started


def wall_ms(action: Callable[[], Any], repeats: int = 15) -> float:
    """The median of how long `action` takes, in milliseconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return median(times) * 1000


def wal_bytes() -> int:
    """Bytes of write-ahead log written so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
        return int(cursor.fetchone()[0])


class Stages:
    """CPU seconds of this process by stage; a stage within another counts only for itself."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[tuple[str, float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs within as `name`."""
        now = time.process_time()
        if self._running:
            outer, since = self._running[-1]
            self.seconds[outer] += now - since
        self._running.append((name, now))
        try:
            yield
        finally:
            name, since = self._running.pop()
            now = time.process_time()
            self.seconds[name] += now - since
            if self._running:
                self._running[-1] = (self._running[-1][0], now)

    def watch(self, owner: Any, attribute: str, name: str) -> Callable[[], None]:
        """Count a function or method as stage `name` from now on; returns what undoes it."""
        original = getattr(owner, attribute)

        @wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return original(*args, **kwargs)

        setattr(owner, attribute, watched)
        return lambda: setattr(owner, attribute, original)
