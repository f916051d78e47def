"""What an operator changes while the system runs, as one frozen object.

The values live in PostgreSQL (django-constance) and are read all at once, at most every few
seconds a process. While PostgreSQL is away the last known values serve, before any were known
the defaults, and nobody waits longer than `PATIENCE_SECONDS` for them.
"""

import logging
import threading
import time
from dataclasses import dataclass, fields
from typing import Any

from constance.codecs import loads
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from monitoring.asking import ask

logger = logging.getLogger(__name__)

# Below the promised 5 s, so that reading and a slow clock have room.
MAX_AGE_SECONDS = 4.0
# A page without PostgreSQL must answer within 6 s, and its own query already waits for 5.
PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Operations:
    """The settings of CONSTANCE_CONFIG, by their names in lower case; help and limits are there."""

    retention_positions_days: int
    retention_flights_days: int
    retention_sessions_days: int
    retention_polls_days: int
    retention_rejected_records_days: int
    retention_prefiles_days: int
    retention_tunings_days: int
    retention_errors_days: int
    retention_events_days: int
    poll_enabled: bool
    flush_enabled: bool
    compaction_enabled: bool
    collect_transceivers: bool
    collect_prefiles: bool
    public_api: bool
    public_names: bool
    public_requests_per_minute: int
    feed_warn_seconds: int
    feed_stale_seconds: int
    feed_outage_seconds: int


class _LastKnown:
    """The newest values this process has read, and when it last tried to."""

    def __init__(self) -> None:
        self.operations: Operations | None = None
        self.tried_at = float("-inf")  # of the monotonic clock
        self.lock = threading.Lock()

    def is_old(self) -> bool:
        return time.monotonic() - self.tried_at >= MAX_AGE_SECONDS


_last_known = _LastKnown()


def current() -> Operations:
    """The operator's settings, at most 5 s old while PostgreSQL answers."""
    if _last_known.is_old():
        with _last_known.lock:
            if _last_known.is_old():
                _last_known.tried_at = time.monotonic()
                _refresh()
    return _last_known.operations or defaults()


def forget() -> None:
    """Read the values anew at the next call of `current`."""
    _last_known.tried_at = float("-inf")


def defaults() -> Operations:
    """The values before anybody changed one."""
    return _operations({})


def _refresh() -> None:
    """Read through the connection at hand, whose holder waits for PostgreSQL anyway, or ask."""
    try:
        if connection.connection is not None:
            _load()
        else:
            ask(_load, PATIENCE_SECONDS)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        logger.warning("The operator's settings can't be read, the last known serve: %r", error)


def _load() -> None:
    # Not constance's own mget: it answers a lost connection with the defaults.
    from constance.models import Constance

    stored = dict(Constance.objects.values_list("key", "value"))
    _last_known.operations = _operations({key: loads(text) for key, text in stored.items()})


def _operations(stored: dict[str, Any]) -> Operations:
    values = {name: stored.get(name, spec[0]) for name, spec in settings.CONSTANCE_CONFIG.items()}
    return Operations(**{field.name: values[field.name.upper()] for field in fields(Operations)})
