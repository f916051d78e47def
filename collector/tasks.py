"""When and how often the collector's work is delivered; the services do it.

A message is only a wake-up call: each task finds its work in Redis or PostgreSQL, so one that is
lost, late or doubled changes nothing.
"""

import logging

from celery import shared_task
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from redis import RedisError

from collector.services import compacting, flushing, polling, retention, verifying
from monitoring import runtime
from monitoring.locks import only_process
from monitoring.schedule import Schedule

logger = logging.getLogger(__name__)

PASSING = (DatabaseError, InterfaceError, RedisError)

SCHEDULE = [
    Schedule("collector.tasks.compact", 60, 59),
    Schedule("collector.tasks.prune", 21_600, 21_599),
    Schedule("collector.tasks.verify", 86_400, 86_399),
]


@shared_task(soft_time_limit=10, time_limit=13)
def poll() -> None:
    """Fetch the feed; the next tick is the retry."""
    result = polling.poll(timezone.now())
    level = logging.INFO if result.outcome is polling.Outcome.TAKEN else logging.WARNING
    logger.log(level, "poll: %s %s %s", result.outcome, result.feed_at or "", result.reason)


@shared_task(
    autoretry_for=PASSING,
    max_retries=3,
    retry_backoff=2,
    retry_backoff_max=10,
    retry_jitter=True,
    soft_time_limit=45,
    time_limit=60,
)
def flush() -> None:
    """Store what the buffer holds, while polls have the worker's other process for themselves.

    PostgreSQL's own lock is not enough for that: who asks for it may wait for PostgreSQL as long.
    """
    with only_process("flush") as is_alone:
        if not is_alone:
            result = flushing.FlushResult(busy=True)
        elif runtime.current().flush_enabled:
            result = flushing.flush()
        else:
            return
    logger.info("flush: %s", result)


@shared_task(autoretry_for=PASSING, max_retries=3, soft_time_limit=300, time_limit=330)
def compact() -> None:
    """Compact the windows of positions that are over."""
    if runtime.current().compaction_enabled:
        compacting.compact()


@shared_task(autoretry_for=PASSING, max_retries=3, soft_time_limit=540, time_limit=570)
def prune() -> None:
    """Delete what is older than its retention."""
    logger.info("prune: %s", retention.prune())


@shared_task(autoretry_for=PASSING, max_retries=3, soft_time_limit=540, time_limit=570)
def verify() -> None:
    """Prove that no position was stored twice."""
    if repeated := verifying.repeated_positions():
        logger.error("verify: %s positions of the last day stand twice", repeated)
