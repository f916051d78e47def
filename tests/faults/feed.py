"""The simulated feed, served by a process of its own on a clock that the test moves."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import urllib3

from collector.simulation.faults import DATA, Answer
from collector.simulation.network import Network
from collector.simulation.server import FILES, FeedServer
from vatsim_site.embedded import ports

START = datetime(2025, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(seconds=15)
Bodies = tuple[bytes, bytes | None]  # data and transceivers
_SPAWN = get_context("spawn")


class Clock:
    """A time that stands, or runs as fast as it is told; every process sees the same."""

    def __init__(self) -> None:
        # The time at an instant of the monotonic clock, which all processes share, and the rate.
        self._state = _SPAWN.Array("d", [START.timestamp(), 0.0, 0.0])

    def now(self) -> datetime:
        with self._state:
            base, since, rate = self._state
        return datetime.fromtimestamp(base + (time.monotonic() - since) * rate, UTC)

    def set(self, at: datetime, rate: float = 0.0) -> None:
        with self._state:
            self._state[:] = [at.timestamp(), time.monotonic(), rate]


class SimulatedFeed:
    """A made-up network of some size, with what was asked of its server."""

    def __init__(self, aircraft: int) -> None:
        self.aircraft = aircraft
        self.clock = Clock()
        self.port = ports.choose_free()
        self._asked = _SPAWN.Value("q", 0)
        self._network = Network(aircraft=aircraft)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def at(self) -> datetime:
        """The time of the feed that is served now."""
        seconds = STEP.total_seconds()
        return datetime.fromtimestamp(self.clock.now().timestamp() // seconds * seconds, UTC)

    @property
    def asked(self) -> int:
        """How often the data were fetched."""
        return int(self._asked.value)

    def next(self) -> datetime:
        """Go on to the next feed; its time."""
        self.clock.set(self.at + STEP)
        return self.at

    def run(self, rate: float) -> None:
        self.clock.set(self.clock.now(), rate)

    def pause(self) -> None:
        self.clock.set(self.clock.now())

    def bodies(self, at: datetime) -> tuple[bytes, bytes]:
        """What is served at a time."""
        return self._network.data(at), self._network.transceivers(at)

    def all_bodies(self, times: Iterable[datetime], transceivers: bool = True) -> Iterator[Bodies]:
        """What is served at these times, one after the other."""
        for at in times:
            data, radios = self.bodies(at)
            yield data, radios if transceivers else None

    def download(self) -> Bodies:
        """What is served now, faults included."""
        data, transceivers = (
            urllib3.request("GET", self.url + path, timeout=5).data for path in FILES
        )
        return data, transceivers

    def break_with(self, *faults: str) -> None:
        response = urllib3.request("POST", f"{self.url}/faults", json={"faults": faults}, timeout=5)
        assert response.status == 200, response.data

    def start(self) -> None:
        listens = _SPAWN.Event()
        arguments = (self.aircraft, self.port, self.clock, self._asked, listens)
        self._process = _SPAWN.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        if not listens.wait(60):
            self.stop()
            raise AssertionError("The simulated feed did not start.")

    def stop(self) -> None:
        """End the server: from now on connections are refused."""
        self._process.kill()
        self._process.join()


class _CountingServer(FeedServer):
    asked: Any

    def answer(self, file: str, encodings: set[str]) -> tuple[Answer, str | None]:
        if file == DATA:
            with self.asked:
                self.asked.value += 1
        return super().answer(file, encodings)


def _serve(aircraft: int, port: int, clock: Clock, asked: Any, listens: Any) -> None:
    server = _CountingServer(Network(aircraft=aircraft), port, now=clock.now)
    server.asked = asked
    listens.set()
    server.serve_forever()
