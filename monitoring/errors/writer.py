"""The one thread of a process that writes what was reported, apart from all work.

It has a connection of its own, so what it writes stays when the work that failed is rolled back.
What PostgreSQL can't take goes to the spool. Whoever reports never waits: a queue that is full says
so, and the caller counts instead.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from monitoring.errors.records import AnyRecord
from monitoring.errors.tallying import Tally

logger = logging.getLogger(__name__)

EVERY_S = 1.0  # at most so often it writes
MOST_RECORDS = 500  # that wait
AWAY_S = 5.0  # for which the store is left alone after it could not be reached
AWAY_EVERY_S = 30.0  # counts stay in memory so long while it is away


class Away(Exception):
    """The store can't be reached now."""


class Spool(Protocol):
    """Where records wait for the store."""

    def add(self, records: Sequence[AnyRecord]) -> None:
        """Keep records."""

    def drain(self, store: Callable[[Sequence[AnyRecord]], None]) -> int:
        """Hand what was kept to the store; how many records that were."""


class Writer:
    """Writes records to a store, which raises `Away`; `close` is called whenever it is done."""

    def __init__(
        self,
        store: Callable[[Sequence[AnyRecord]], None],
        spool: Spool,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._spool = spool
        self._close = close
        self.tally = Tally()
        # Reentrant, since a signal's handler may report what it interrupted.
        self.changed = threading.Condition(threading.RLock())
        self._records: list[AnyRecord] = []
        self._thread: threading.Thread | None = None
        self._is_busy = False
        self._hurried = 0
        self._written_at = self._away_until = float("-inf")  # of the monotonic clock

    def put(self, record: AnyRecord) -> bool:
        """Queue a record; False where there is no room."""
        with self.changed:
            if len(self._records) >= MOST_RECORDS:
                return False
            self._records.append(record)
            self.wake()
        return True

    def wake(self) -> None:
        """Have the thread look at what there is; the caller holds `changed`."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="errors", daemon=True)
            with suppress(RuntimeError):  # the interpreter ends: `rescue` takes what there is
                thread.start()
                self._thread = thread
        self.changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything reported so far is written or spooled; False if that takes longer.

        A child of a fork, or a thread of its own, can call it: nobody else is held up.
        """
        with self.changed:
            if self._has_nothing():
                return True
            self._hurried += 1
            self.wake()
            try:
                return self.changed.wait_for(self._has_nothing, seconds)
            finally:
                self._hurried -= 1

    def rescue(self) -> None:
        """Put what still waits into the spool: the process ends."""
        with self.changed:
            self._spool_all(self._take())

    def _has_nothing(self) -> bool:
        return not (self._is_busy or self._records or self.tally.is_waiting)

    def _has_something(self) -> bool:
        return bool(self._records or self.tally.is_waiting)

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(self._has_something)
                self.changed.wait_for(self._is_time, self._rest_s())
                records = self._take()
                self._is_busy = True
            try:
                self._write(records)
            except Exception:
                logger.exception("%s records about errors are lost", len(records))
            finally:
                with self.changed:
                    self._is_busy = False
                    self._written_at = time.monotonic()
                    self.changed.notify_all()

    def _is_time(self) -> bool:
        return self._hurried > 0 or len(self._records) >= MOST_RECORDS // 2

    def _rest_s(self) -> float:
        now = time.monotonic()
        is_away = now < self._away_until
        every_s = AWAY_EVERY_S if is_away and not self._records else EVERY_S
        return max(0.0, self._written_at + every_s - now)

    def _take(self) -> list[AnyRecord]:
        records, self._records = self._records, []
        return [*records, *self.tally.take()]

    def _write(self, records: list[AnyRecord]) -> None:
        if time.monotonic() < self._away_until:
            self._spool_all(records)
            return
        try:
            self._store(records)
        except Away as error:
            logger.warning("Errors go to the spool: %s", error)
            self._away_until = time.monotonic() + AWAY_S
            self._spool_all(records)
        else:
            self._spool.drain(self._store)
        finally:
            self._close()

    def _spool_all(self, records: list[AnyRecord]) -> None:
        if records:
            self._spool.add(records)
