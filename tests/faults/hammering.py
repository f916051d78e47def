"""A process that calls something outside through a breaker, again and again, and keeps a record."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

SPAWN = get_context("spawn")
NAME = "hammered"
CALL_S = 0.03  # that a call takes
PAUSE_S = 0.01


class Broken(Exception):
    """What the other side does while it is not well."""


@dataclass(frozen=True)
class Call:
    """A call that was let through; times are of the monotonic clock, which all processes share."""

    process: int
    began: float
    ended: float
    succeeded: bool


@dataclass(frozen=True)
class Change:
    """A change of state that a process recorded."""

    from_state: str
    to_state: str


@dataclass(frozen=True)
class Shared:
    """What the processes share."""

    redis_url: str
    open_s: float
    is_well: Any
    longest_refusal_s: Any
    told: Any
    stop: Any


class Hammers:
    """Some processes at work on one breaker, from entering to leaving a `with` block."""

    def __init__(self, processes: int, redis_url: str, open_s: float) -> None:
        self.is_well = SPAWN.Value("b", True)
        self.longest_refusal_s = SPAWN.Value("d", 0.0)
        self.calls: list[Call] = []
        self.changes: list[Change] = []
        self._told = SPAWN.Queue()
        self._stop = SPAWN.Event()
        shared = Shared(
            redis_url, open_s, self.is_well, self.longest_refusal_s, self._told, self._stop
        )
        self._processes = [
            SPAWN.Process(target=_hammer, args=(number, shared), daemon=True)
            for number in range(processes)
        ]

    def __enter__(self) -> "Hammers":
        for process in self._processes:
            process.start()
        self.wait_for(lambda: len({call.process for call in self.calls}) == len(self._processes))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.listen(0.5)
        for process in self._processes:
            process.kill()
            process.join()

    @property
    def are_alive(self) -> bool:
        return all(process.is_alive() for process in self._processes)

    def listen(self, seconds: float) -> None:
        """Take in what the processes tell, for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while not self._told.empty():
                told = self._told.get()
                (self.calls if isinstance(told, Call) else self.changes).append(told)
            time.sleep(0.01)

    def wait_for(self, condition: Any, timeout_s: float = 60) -> float:
        """Seconds until a condition held."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < timeout_s, (self.calls[-20:], self.changes)
            self.listen(0.02)
        return time.monotonic() - started

    def changed(self, from_state: str, to_state: str) -> int:
        """How often the state changed so."""
        return self.changes.count(Change(from_state, to_state))

    def calls_since(self, at: float) -> Iterator[Call]:
        """The calls that began after a time, in order."""
        return iter(sorted((c for c in self.calls if c.began > at), key=lambda call: call.began))


def _hammer(number: int, shared: Shared) -> None:
    os.environ |= {"REDIS_URL": shared.redis_url, "DJANGO_SETTINGS_MODULE": "vatsim_site.settings"}
    import django

    django.setup()
    from monitoring.errors import reporting
    from monitoring.errors.breakers import Breaker, BreakerOpen

    # What would be written to PostgreSQL.
    reporting.write_later = lambda each: shared.told.put(Change(each.from_state, each.to_state))  # type: ignore[assignment]
    reporting.count_recovery = lambda *_, **__: None  # type: ignore[assignment]
    breaker = Breaker(NAME, failed_by=Broken, open_s=shared.open_s, most_open_s=2 * shared.open_s)

    def call() -> None:
        began = time.monotonic()
        time.sleep(CALL_S)
        succeeded = bool(shared.is_well.value)
        shared.told.put(Call(number, began, time.monotonic(), succeeded))
        if not succeeded:
            raise Broken

    while not shared.stop.is_set():
        asked = time.monotonic()
        try:
            breaker.call(call)
        except BreakerOpen:
            took = time.monotonic() - asked
            shared.longest_refusal_s.value = max(shared.longest_refusal_s.value, took)
        except Broken:
            pass
        time.sleep(PAUSE_S)
