"""One run of the system, from its first server to its last."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from django.conf import LazySettings

from vatsim_site.embedded import installation, ports
from vatsim_site.embedded.announcement import announcement
from vatsim_site.embedded.console import say
from vatsim_site.embedded.leftovers import end_processes
from vatsim_site.embedded.places import Places, find_places
from vatsim_site.embedded.preparation import prepare
from vatsim_site.embedded.processes import (
    SITE,
    WORKERS,
    Feed,
    Flower,
    Program,
    server_programs,
    site_programs,
    worker_name,
)
from vatsim_site.embedded.programs import find_programs
from vatsim_site.embedded.readiness import answers_http, worker_answers
from vatsim_site.embedded.servers import Postgres, Server, Valkey
from vatsim_site.embedded.supervision import State, Supervisor

START_TIMEOUT_S = 120
POLL_INTERVAL_S = 0.1
WATCH_INTERVAL_S = 2
USUAL_FLOWER_PORT = 5555
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Check = Callable[[], bool]


class StartError(Exception):
    """The system can't start; the message says why."""


class Run:
    """Starts servers and site, watches them, and ends them."""

    def __init__(self, settings: LazySettings, var_dir: Path) -> None:
        self._settings = settings
        self._var_dir = var_dir
        self._parent = os.getppid()
        self._supervisord: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start everything, stay until told to end, and end everything."""
        if ended := end_processes(self._var_dir, timeout_s=10):
            say(f"Ended {ended} processes that an earlier run left behind.")
        ports.require_free(self._settings.HOST, self._settings.PORT)
        places = find_places(self._var_dir)
        self._supervisor = Supervisor(
            self._var_dir, places.control, self._settings.SERVICE_SHUTDOWN_TIMEOUT
        )
        try:
            servers = self._start_servers(places)
            self._start_site(servers)
            self._watch()
        finally:
            self._end()

    def _start_servers(self, places: Places) -> list[Program]:
        servers = self._servers(places)
        if servers:
            say("Starting PostgreSQL and Valkey ...")
        for server in servers.values():
            self._prepare(server)
        programs = server_programs(servers)
        self._supervisord = self._supervisor.start(programs)
        self._wait_for({name: server.answers for name, server in servers.items()})
        return programs

    @staticmethod
    def _prepare(server: Server) -> None:
        try:
            server.prepare()
        except subprocess.CalledProcessError as error:
            raise StartError(f"{error.cmd[0]} failed:\n{error.stderr}") from None

    def _servers(self, places: Places) -> dict[str, Server]:
        """The servers that no address was given for."""
        programs = find_programs(places.account, places.home)
        secret = partial(installation.read_secret, self._var_dir)
        postgres = Postgres(
            programs=programs.postgres,
            data=places.home / "postgres",
            sockets=places.sockets,
            account=places.account,
            password=secret("postgres_password"),
            settings={"max_connections": str(self._settings.DATABASE_MAX_CONNECTIONS + 20)},
        )
        valkey = Valkey(
            program=programs.valkey,
            data=places.home / "valkey",
            port=ports.choose_free(),
            account=places.account,
            password=secret("redis_password"),
        )
        # For `manage.py` beside the running system, and for every process of it.
        installation.write_addresses(
            self._var_dir, installation.Addresses(postgres.url, valkey.url)
        )
        embedded: dict[str, Server] = {}
        if not os.environ.get("DATABASE_URL"):
            embedded["postgres"] = postgres
        if not os.environ.get("REDIS_URL"):
            embedded["valkey"] = valkey
        return embedded

    def _start_site(self, servers: Sequence[Program]) -> None:
        prepared = prepare(self._var_dir, self._settings)
        feed = Feed(prepared.feed_source, ports.choose_free())
        flower = Flower(
            ports.choose_free(USUAL_FLOWER_PORT),
            installation.read_secret(self._var_dir, "flower_password"),
        )
        programs = site_programs(self._settings, feed, flower)
        say(f"Starting {', '.join(program.name for program in programs)} ...")
        self._supervisor.add(SITE, programs, beside=servers)
        self._wait_for(self._site_checks(feed, flower))
        say(announcement(self._settings, self._var_dir, prepared, flower.url))

    def _site_checks(self, feed: Feed, flower: Flower) -> dict[str, Check]:
        web = _local_address(self._settings.HOST, self._settings.PORT)
        broker_url = self._settings.REDIS_BROKER_URL
        if not os.environ.get("REDIS_URL"):  # the settings were read before it was known
            broker_url = f"{installation.read_addresses(self._var_dir).redis_url}/0"
        checks: dict[str, Check] = {
            "admin": partial(answers_http, f"{web}/admin/login/"),
            "API docs": partial(answers_http, f"{web}/api/docs/"),
            "Flower": partial(answers_http, flower.url, flower.credentials),
            "beat": partial(self._stays_up, "beat"),
        }
        for queue in WORKERS:
            checks[f"worker {queue}"] = partial(worker_answers, broker_url, worker_name(queue))
        if feed.source == "simulated":
            checks["simulated feed"] = partial(answers_http, feed.url)
        return checks

    def _stays_up(self, program: str) -> bool:
        return any(state.name == program and state.is_up for state in self._supervisor.states())

    def _wait_for(self, checks: dict[str, Check]) -> None:
        """Ask each part until it answers; a part that fails ends the start with its log."""
        waiting, deadline = dict(checks), time.monotonic() + START_TIMEOUT_S
        while waiting:
            self._require_health()
            for name in [name for name, answers in waiting.items() if answers()]:
                del waiting[name]
                say(f"  {name} answers")
            if time.monotonic() > deadline:
                raise StartError(
                    f"No answer within {START_TIMEOUT_S} s from: {', '.join(waiting)}."
                )
            time.sleep(POLL_INTERVAL_S)

    def _require_health(self) -> None:
        if self._supervisord is None or self._supervisord.poll() is not None:
            raise StartError(f"The supervisor ended:\n{self._supervisor.log_tail('supervisor')}")
        for state in self._supervisor.states():
            if state.is_failing:
                raise StartError(self._describe(state))

    def _watch(self) -> None:
        """Stay while the supervisor does, and say which processes don't stay up."""
        told: set[str] = set()
        while self._supervisord and self._supervisord.poll() is None and not self._is_deserted():
            states = self._supervisor.states()
            for state in states:
                if state.has_ended and state.name not in told:
                    say(self._describe(state))
            told = {state.name for state in states if state.name in told and not state.is_up}
            told |= {state.name for state in states if state.has_ended}
            time.sleep(WATCH_INTERVAL_S)

    def _is_deserted(self) -> bool:
        # `make` would have passed on a signal; when it was killed, nobody could end us any more.
        return "MAKELEVEL" in os.environ and os.getppid() != self._parent

    def _describe(self, state: State) -> str:
        if not state.is_failing:
            return f"{state.name} has done its work; the site stays up."
        return f"{state.name} does not stay up:\n{self._supervisor.log_tail(state.name)}"

    def _end(self) -> None:
        """End every process, in order as far as the time allows."""
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # ending already
        if self._supervisord is None:
            return
        say("Ending ...")
        self._supervisord.terminate()
        try:
            self._supervisord.wait(self._settings.SERVICE_SHUTDOWN_TIMEOUT - 1)
        except subprocess.TimeoutExpired:
            say("Some processes took too long and are killed; nothing stored is lost.")
        end_processes(self._var_dir, timeout_s=0.5)
        say("Ended.")


def _local_address(host: str, port: int) -> str:
    """Where this machine reaches a site that listens on `host`."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
