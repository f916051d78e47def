"""A small installation of real processes, in a folder of its own, for one test."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import psutil
import psycopg
import redis
import urllib3
from celery import Celery

from collector.buffer import FAILURES, FEEDS, BufferedFeed, Document, FeedBuffer, connect
from collector.feed import pack
from collector.services.polling import LOCK
from monitoring.errors.breaker_store import KEY as BREAKERS
from tests.faults.feed import SimulatedFeed
from tests.faults.rows import Rows, read_rows
from tests.faults.scale import SPEED, shortened
from vatsim_site.embedded import ports
from vatsim_site.embedded.processes import site_commands, worker_name
from vatsim_site.embedded.servers import start_postgres, start_valkey

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
FETCH_LIMIT_S = shortened(9)
LATE = timedelta(seconds=45)  # age of the newest feed from which it is late, in the feed's time


class SiteProcess:
    """One process of the site, with its children."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._log.unlink(missing_ok=True)
        self.starts = 0
        self.is_wanted = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        self.is_wanted = True
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def keep_running(self) -> None:
        """Start it again if it has ended, as a supervisor would."""
        if self.is_wanted and self._process and self._process.poll() is not None:
            self.start()

    def children(self) -> list[psutil.Process]:
        assert self._process
        children = psutil.Process(self._process.pid).children()
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it and its children at once, as a crash of the machine would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self._process.wait()

    def ask_to_end(self) -> None:
        """Ask its first process to end, for good, as the supervisor does."""
        assert self._process
        self.is_wanted = False
        self._process.terminate()

    def end(self) -> None:
        """End it for good."""
        self.is_wanted = False
        self.kill()


class Installation:
    """PostgreSQL, Valkey, a simulated feed, and the processes of the site that a test starts."""

    def __init__(
        self, folder: Path, ends: ExitStack, cluster: Path, aircraft: int, **variables: str
    ) -> None:
        """Start all but the processes; `ends` will end everything, in turn."""
        self.folder = folder
        self._ends = ends
        subprocess.run(["cp", "-a", cluster, folder / "postgres"], check=True)  # noqa: S607
        self.postgres = start_postgres(folder, settings={})  # production's: durable
        ends.callback(self.postgres.stop)
        self.valkey = start_valkey(folder, durable=True)
        ends.callback(self._stop_valkey)
        self.feed = SimulatedFeed(aircraft)
        ends.callback(self.feed.stop)
        self.web_port = ports.choose_free()
        self.environment = self._environment() | variables
        self.redis = ends.enter_context(connect(f"{self.valkey.url}/1"))
        self._broker = ends.enter_context(connect(f"{self.valkey.url}/0"))
        self.buffer = FeedBuffer(self.redis)
        self.processes: dict[str, SiteProcess] = {}
        self._ticked_at: dict[str, float] = {}
        celery = Celery(broker=f"{self.valkey.url}/0", set_as_current=False)
        self._celery = ends.enter_context(celery)

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "VAR_DIR": str(self.folder / "var"),
            "VATSIM_API_URL": f"{self.feed.url}/v3/vatsim-data.json",
            "VATSIM_TRANSCEIVERS_URL": f"{self.feed.url}/v3/transceivers-data.json",
            "VATSIM_API_TIMEOUT": str(FETCH_LIMIT_S),
            "POLL_LOCK_SECONDS": str(shortened(10)),
            "CIRCUIT_BREAKER_TIMEOUT": str(shortened(30)),
        }

    def _stop_valkey(self) -> None:
        with suppress(psutil.Error):
            psutil.Process(self.valkey.pid).resume()
        self.valkey.stop()

    # --- Processes ------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start processes by their names; a name with a number is one more of a kind: beat-2."""
        sizes = {"PORT": self.web_port, "HOST": "127.0.0.1", "WEB_THREADS": 8}
        sizes |= {"COLLECTING_WORKERS": 2, "EVENTS_WORKERS": 2, "SERVICE_MAX_WORKERS": 2}
        commands = site_commands(SimpleNamespace(**sizes))
        for name in names:
            kind, _, number = name.partition("-")
            command = commands[kind]
            if number:
                command = tuple(part.replace("@localhost", f"@{number}") for part in command)
            environment = self.environment | {"PROCESS_NAME": kind}
            self.processes[name] = SiteProcess(command, environment, self.folder / f"{name}.log")
            self._ends.callback(self.processes[name].end)
            self.processes[name].start()
        for name in names:
            self.wait_for(lambda name=name: self._is_ready(name), 60, f"{name} has started")

    def _is_ready(self, name: str) -> bool:
        kind = name.partition("-")[0]
        if kind == "web":
            with suppress(urllib3.exceptions.HTTPError):
                return self.get("/health/live").status == 200
            return False
        return {"beat": "beat: Starting..."}.get(kind, " ready.") in self.processes[name].said

    @property
    def worker(self) -> SiteProcess:
        return self.processes["collecting"]

    # --- Time -----------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Wait, while whatever ends is started again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._keep_running()
            time.sleep(0.02)

    def wait_for(self, value: Callable[[], T], timeout_s: float, what: str) -> T:
        """The first value that is true; whatever ends meanwhile is started again."""
        end = time.monotonic() + timeout_s
        while not (found := value()):
            if time.monotonic() > end:
                raise AssertionError(f"Not within {timeout_s:g} s: {what}.\n{self._last_words()}")
            self._keep_running()
            time.sleep(0.02)
        return found

    def seconds_until(self, condition: Callable[[], Any], timeout_s: float, what: str) -> float:
        """How long it took until a condition held."""
        started = time.monotonic()
        self.wait_for(condition, timeout_s, what)
        return time.monotonic() - started

    def _keep_running(self) -> None:
        for process in self.processes.values():
            process.keep_running()

    def _last_words(self) -> str:
        return "\n".join(f"--- {n}\n{p.said[-3000:]}" for n, p in self.processes.items())

    # --- Work -----------------------------------------------------------------------------------

    def send(self, *tasks: str) -> None:
        """Wake a worker for collector's tasks, as beat does."""
        for task in tasks:
            self.wake(f"collector.tasks.{task}", "collecting")

    def wake(self, task: str, queue: str, *args: Any, **kwargs: Any) -> None:
        """Wake a worker for any task."""
        self._celery.send_task(task, args, kwargs, queue=queue)

    def run_python(self, code: str) -> str:
        """What a process of the site prints that runs some code."""
        ended = subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return ended.stdout.strip()

    def tick(self, task: str) -> None:
        """Send a task, unless that was done less than an interval of beat's ago."""
        now = time.monotonic()
        if now - self._ticked_at.get(task, -math.inf) >= shortened(15):
            self._ticked_at[task] = now
            self.send(task)

    def poll(self) -> float:
        """Have the feed polled once; seconds until its outcome stood in the buffer.

        Earlier polls hinder it neither by their lock nor by breakers that they opened.
        """
        before = self.outcomes()
        self.redis.delete(LOCK)
        self._broker.delete(BREAKERS)
        self.send("poll")
        return self.seconds_until(lambda: self.outcomes() > before, 30, "a poll has an outcome")

    def flush(self) -> None:
        """Have everything flushed that the buffer holds and that is plausible."""
        before = self._flushes()
        self.send("flush")
        self.wait_for(lambda: self._flushes() > before, 90, "the flush is done")

    def _flushes(self) -> int:
        return self.worker.said.count("flush: FlushResult")

    def collect(self, feeds: int = 1) -> None:
        """Poll the next feeds and flush them."""
        for _ in range(feeds):
            self.feed.next()
            self.poll()
        self.flush()

    def fill(self, times: Iterable[datetime], transceivers: bool = True) -> None:
        """Put feeds of these times into the buffer, as if they had been polled long ago."""
        for at in times:
            data, radios = map(_document, self.feed.bodies(at))
            now = datetime.now(UTC)
            feed = BufferedFeed(
                "simulated", at, data, radios if transceivers else None, "", now, 0.1
            )
            self.buffer.append(feed)

    def run_feed(self) -> None:
        """Let the feed's time run, as fast as this run is."""
        self.feed.run(SPEED)

    def is_fresh(self) -> bool:
        """Whether all is stored but perhaps the newest feed, and what is stored is not late."""
        return self._age_of_newest() < LATE and self.buffer.depth().feeds <= 1

    def _age_of_newest(self) -> timedelta:
        return self.feed.clock.now() - self.stored()[-1]

    def settle(self) -> None:
        """Wait for a feed of now; then let the feed's time stand until everything is stored."""
        now = self.feed.at
        self.wait_for(lambda: self.stored()[-1] >= now, 60, "a feed of now is stored")
        self.feed.pause()
        self.pass_time(3 * shortened(15))
        self.wait_for(lambda: not self.buffer.depth().feeds, 60, "all is stored")

    def active_processes(self, task: str) -> list[int]:
        """The living processes that are working on a task now."""
        name = worker_name("collecting")
        answers = self._celery.control.inspect(destination=[name], timeout=2).active() or {}
        working = {each["worker_pid"] for each in answers.get(name, []) if task in each["name"]}
        # A worker takes a moment to notice that it lost a child.
        return [child.pid for child in self.worker.children() if child.pid in working]

    # --- What there is --------------------------------------------------------------------------

    def outcomes(self) -> int:
        """How many polls have come to an end that the buffer knows of."""
        return self.taken() + self._ever_added(FAILURES)

    def taken(self) -> int:
        """How many feeds the buffer ever took."""
        return self._ever_added(FEEDS)

    def _ever_added(self, stream: str) -> int:
        try:
            return int(self.redis.xinfo_stream(stream)["entries-added"])
        except redis.ResponseError:  # there is none yet
            return 0

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str) -> None:
        """Run statements that answer nothing."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(sql)

    def stored(self) -> list[datetime]:
        """The times of the feeds in PostgreSQL, oldest first."""
        rows = self.query(
            "SELECT feed_at FROM collector_poll WHERE outcome = 'accepted' ORDER BY 1"
        )
        return [feed_at for (feed_at,) in rows]

    def count(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) FROM collector_{table}")[0][0])  # noqa: S608

    def failed_polls(self) -> list[str]:
        """The reasons of the failed polls in PostgreSQL, oldest first."""
        rows = self.query("SELECT reason FROM collector_failedpoll ORDER BY id")
        return [reason for (reason,) in rows]

    def rows(self) -> Rows:
        with psycopg.connect(self.postgres.url) as connection, connection.cursor() as cursor:
            return read_rows(cursor)

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        url = f"http://127.0.0.1:{self.web_port}{path}"
        return urllib3.request("GET", url, headers=headers, timeout=10, retries=False)

    def timed_get(self, path: str, **headers: str) -> tuple[urllib3.BaseHTTPResponse, float]:
        """An answer, and after how many seconds."""
        started = time.monotonic()
        return self.get(path, **headers), time.monotonic() - started


def _document(content: bytes) -> Document:
    return Document(*pack(content), len(content))


def prepare_cluster(folder: Path) -> Path:
    """A PostgreSQL cluster in which the site was set up, at rest."""
    postgres, valkey = start_postgres(folder, {}), start_valkey(folder)
    try:
        subprocess.run(
            [sys.executable, "manage.py", "prepare"],
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": postgres.url,
                "REDIS_URL": valkey.url,
                "ADMIN_PASSWORD": "of a test",
            },
            check=True,
            capture_output=True,
        )
        _shorten_schedules(postgres.url)
    finally:
        valkey.stop()
        postgres.stop()
    return folder / "postgres"


def _shorten_schedules(database_url: str) -> None:
    """Have beat send polls and flushes as often as this run is fast."""
    every_us, expires_s = round(shortened(15) * 1e6), max(1, int(shortened(14)))
    with psycopg.connect(database_url) as connection:
        (interval,) = connection.execute(
            "INSERT INTO django_celery_beat_intervalschedule (every, period)"
            " VALUES (%s, 'microseconds') RETURNING id",
            [every_us],
        ).fetchone() or (0,)
        connection.execute(
            "UPDATE django_celery_beat_periodictask SET interval_id = %s, expire_seconds = %s"
            " WHERE queue = 'collecting'",
            [interval, expires_s],
        )
        # The general queue has no worker here.
        connection.execute(
            "UPDATE django_celery_beat_periodictask SET enabled = queue = 'collecting'"
        )
