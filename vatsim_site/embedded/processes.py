"""Every process of the system: how it is started, as whom, and how it ends."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vatsim_site.embedded.account import Account
from vatsim_site.embedded.servers import Server

PYTHON = sys.executable
SERVERS, SITE = "servers", "site"  # the site ends first, then its servers
WORKERS = ("collecting", "events", "general")  # each serves the queue of its name
CELERY = (PYTHON, "-m", "celery", "-A", "vatsim_site")


@dataclass(frozen=True)
class Program:
    """One process that the supervisor keeps running."""

    name: str
    command: tuple[str, ...]
    group: str = SITE
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None  # None: that of the launcher
    folder: str = "."  # that it starts in: the launcher's own
    stop_signal: str = "TERM"
    ends_by_itself: bool = False  # then only a failure starts it again


@dataclass(frozen=True)
class Feed:
    """Where the site's data come from, as decided for this database."""

    source: str  # live, simulated or recorded
    port: int = 0  # of the simulated feed

    @property
    def url(self) -> str:
        """The simulated feed's network data."""
        return f"http://127.0.0.1:{self.port}/v3/vatsim-data.json"

    @property
    def environment(self) -> dict[str, str]:
        """What tells every process where the data come from, whatever FEED left open."""
        if self.source == "recorded":
            return {}  # FEED names the folder, if there is one
        if self.source == "live":
            return {"FEED": "live"}
        return {
            "FEED": "simulated",
            "VATSIM_API_URL": self.url,
            "VATSIM_TRANSCEIVERS_URL": f"http://127.0.0.1:{self.port}/v3/transceivers-data.json",
        }


@dataclass(frozen=True)
class Flower:
    """Flower's place on the loopback address, and its sign-in."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def credentials(self) -> str:
        """Name and password as HTTP's basic authentication has them."""
        return f"flower:{self.password}"

    @property
    def environment(self) -> dict[str, str]:
        """Its options, out of sight of the process list."""
        return {
            "FLOWER_ADDRESS": "127.0.0.1",
            "FLOWER_PORT": str(self.port),
            "FLOWER_BASIC_AUTH": self.credentials,
        }


def server_programs(servers: Mapping[str, Server]) -> list[Program]:
    """The embedded servers; to PostgreSQL SIGINT means an end that waits for no client."""
    return [
        Program(
            name,
            tuple(server.command),
            SERVERS,
            account=server.account,
            stop_signal="INT",
            folder="/",  # its account may not enter ours
        )
        for name, server in servers.items()
    ]


def site_commands(settings: Any) -> dict[str, tuple[str, ...]]:
    """The command of each process that the site always has, by its name."""
    return {
        "web": _web_command(settings),
        "collecting": _worker_command("collecting", settings.COLLECTING_WORKERS),
        "events": _worker_command("events", settings.EVENTS_WORKERS),
        "general": _worker_command("general", settings.SERVICE_MAX_WORKERS),
        "beat": (*CELERY, "beat", "--pidfile=", "--loglevel=INFO"),
        "flower": (*CELERY, "flower"),
    }


def site_programs(settings: Any, feed: Feed, flower: Flower) -> list[Program]:
    """The site's processes, and what feeds them when it is not VATSIM itself."""
    options = {"flower": flower.environment}
    programs = [
        Program(
            name,
            command,
            environment={"PROCESS_NAME": name, **feed.environment, **options.get(name, {})},
        )
        for name, command in site_commands(settings).items()
    ]
    return programs + _feed_programs(settings, feed)


def _feed_programs(settings: Any, feed: Feed) -> list[Program]:
    manage = (PYTHON, str(Path(settings.BASE_DIR) / "manage.py"))
    if feed.source == "simulated":
        aircraft = str(settings.SIMULATION_AIRCRAFT)
        simulate = (*manage, "simulate_feed", "--port", str(feed.port), "--aircraft", aircraft)
        return [Program("feed", simulate, environment={"PROCESS_NAME": "feed"})]
    if feed.source == "recorded" and Path(settings.FEED).is_absolute():  # otherwise played before
        replay = (*manage, "replay", str(settings.FEED), "--speed", f"{settings.FEED_SPEED:g}")
        environment = {"PROCESS_NAME": "replay"}
        return [Program("replay", replay, environment=environment, ends_by_itself=True)]
    return []


def _web_command(settings: Any) -> tuple[str, ...]:
    return (
        *(PYTHON, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--host", settings.HOST, "--port", str(settings.PORT)),
        # One process, since the pool of connections and the rendered lists are its own.
        *("--workers", "1", "--blocking-threads", str(settings.WEB_THREADS)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "5"),
        "vatsim_site.wsgi:application",
    )


def worker_name(queue: str) -> str:
    """The Celery name of the worker of `queue`."""
    return f"{queue}@localhost"


def _worker_command(queue: str, processes: int) -> tuple[str, ...]:
    return (
        *(*CELERY, "worker", "--queues", queue, "--hostname", worker_name(queue)),
        *("--concurrency", str(processes), "--without-gossip", "--without-mingle"),
        "--loglevel=INFO",
    )
