"""Tells errors of one kind from the next, and counts those of which nothing else is kept.

Everything here is bounded, whatever happens and however often: details of at most `SAMPLES` errors
of a kind an hour, `MESSAGES` kinds at one place (further ones go by the place alone), `KINDS` kinds
in all (further ones go without their operation, too, which may hold a caller's word).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from monitoring.errors.fingerprint import Place
from monitoring.errors.kinds import Category, Severity, Strategy
from monitoring.errors.records import AnyRecord, CountRecord, Kind, RecoveryRecord

SAMPLES = 20  # of a kind and hour that are kept whole, over all processes
MESSAGES = 30
KINDS = 2000
HOUR_S = 3600


class Key(NamedTuple):
    """What tells errors of one kind from others; what the reporter left open is None."""

    type: type[BaseException]
    place: Place
    message: str  # normalised
    service: str
    operation: str
    severity: Severity | None
    category: Category | None


@dataclass(slots=True)
class Counted:
    """One kind of error in this process and hour."""

    kind: Kind
    samples: int = 0
    waiting: int = 0  # counted and not yet written
    first_at: float = 0.0  # of those, in seconds of the epoch
    last_at: float = 0.0


@dataclass(slots=True)
class _Recovered:
    successes: int = 0
    failures: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Hour:
    """What one hour brought; the next begins anew, so that nothing grows for ever."""

    number: int
    counted: dict[Key, Counted] = field(default_factory=dict)
    messages: dict[tuple[type[BaseException], Place], int] = field(default_factory=dict)
    recovered: dict[tuple[Strategy, str, str], _Recovered] = field(default_factory=dict)


class Tally:
    """The errors and recoveries of a process; the caller holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._hour = _Hour(-1)
        self._full: list[_Hour] = []  # that are over and were not taken yet
        self.is_waiting = False

    def find(self, key: Key, describe: Callable[[Key], Kind]) -> Counted:
        """The kind of an error; `describe` is asked for one that is new in this hour."""
        hour = self._current()
        found = hour.counted.get(key)
        if found is None:
            key = self._bounded(hour, key)
            found = hour.counted.get(key)
        if found is None:
            found = hour.counted[key] = Counted(describe(key))
            place = key.type, key.place
            hour.messages[place] = hour.messages.get(place, 0) + 1
        return found

    def wants_sample(self, counted: Counted) -> bool:
        """Whether this error is one of the few to be kept whole; then it counts as such."""
        counted.samples += 1
        return counted.samples <= SAMPLES

    def count(self, counted: Counted) -> None:
        """Count an error of a kind."""
        counted.last_at = self._clock()
        if not counted.waiting:
            counted.first_at = counted.last_at
        counted.waiting += 1
        self.is_waiting = True

    def count_recovery(
        self, strategy: Strategy, service: str, operation: str, succeeded: bool, seconds: float
    ) -> None:
        """Count one attempt of a strategy; `seconds` where it succeeded."""
        totals = self._current().recovered.setdefault((strategy, service, operation), _Recovered())
        totals.successes += succeeded
        totals.failures += not succeeded
        totals.seconds += seconds if succeeded else 0.0
        self.is_waiting = True

    def take(self) -> list[AnyRecord]:
        """Everything counted since the last time, as records."""
        self.is_waiting = False
        hours, self._full = [*self._full, self._hour], []
        records = [record for hour in hours for record in _records(hour)]
        for counted in self._hour.counted.values():
            counted.waiting = 0
        self._hour.recovered = {}
        return records

    def _current(self) -> _Hour:
        number = int(self._clock() // HOUR_S)
        if number != self._hour.number:
            if self.is_waiting:
                self._full.append(self._hour)
            self._hour = _Hour(number)
        return self._hour

    @staticmethod
    def _bounded(hour: _Hour, key: Key) -> Key:
        if len(hour.counted) >= KINDS:
            return key._replace(message="", operation="")
        messages = hour.messages.get((key.type, key.place), 0)
        return key if messages < MESSAGES else key._replace(message="")


def _records(hour: _Hour) -> list[AnyRecord]:
    counts = [
        CountRecord(
            kind=each.kind,
            count=each.waiting,
            first_at=_time(each.first_at),
            last_at=_time(each.last_at),
        )
        for each in hour.counted.values()
        if each.waiting
    ]
    recoveries = [
        RecoveryRecord(
            hour=_time(hour.number * HOUR_S),
            strategy=strategy,
            service=service,
            operation=operation,
            successes=totals.successes,
            failures=totals.failures,
            seconds=totals.seconds,
        )
        for (strategy, service, operation), totals in hour.recovered.items()
    ]
    return [*counts, *recoveries]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
