"""Counts how often a task was started without coming to an end, in Redis.

With late acknowledgement a task whose worker dies is delivered again, without limit: one that
kills its worker each time would do so for ever. A start that is not followed by an end leaves its
count behind, and the next start finds it. Where Redis does not answer, tasks run uncounted; the
message came from there a moment ago.
"""

import logging
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

MOST_STARTS = 3
REMEMBERED_S = 86_400
TIMEOUT_S = 0.5
PAUSE_S = 5.0  # for which Redis is left alone after it did not answer
PREFIX = "task-starts:"

_away_until = 0.0  # of the monotonic clock


class WorkerDied(Exception):
    """The task was not started again, since its worker died each time that it was."""

    def __init__(self, starts: int) -> None:
        super().__init__(f"its worker died {starts} times")
        self.starts = starts


@dataclass(frozen=True)
class Start:
    """One start of a task: the how many-th, and how long after the first one."""

    number: int = 1
    seconds: float = 0.0


def note_start(task_id: str, retries: int) -> Start:
    """Count a start; each retry that the task asked for itself is counted apart."""
    key = _key(task_id, retries)
    now = time.time()
    pipeline = _client().pipeline()
    pipeline.hincrby(key, "starts", 1)
    pipeline.hsetnx(key, "first_at", str(now))
    pipeline.hget(key, "first_at")
    pipeline.expire(key, REMEMBERED_S)
    answer = _ask(pipeline.execute)
    if answer is None:
        return Start()
    return Start(int(answer[0]), now - float(answer[2]))


def note_end(task_id: str, retries: int) -> None:
    """Forget the starts of a task that came to an end, whatever end that was."""
    _ask(lambda: _client().delete(_key(task_id, retries)))


def _key(task_id: str, retries: int) -> str:
    return f"{PREFIX}{task_id}:{retries}"


def _ask(question: Any) -> Any:
    """The answer; None while Redis is away."""
    global _away_until
    if time.monotonic() < _away_until:
        return None
    try:
        return question()
    except redis.RedisError as error:
        _away_until = time.monotonic() + PAUSE_S
        logger.warning("Redis does not answer, starts of tasks aren't counted: %s", error)
        return None


@cache
def _client() -> redis.Redis:
    """The broker's database, which never evicts."""
    return redis.Redis.from_url(
        settings.REDIS_BROKER_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
