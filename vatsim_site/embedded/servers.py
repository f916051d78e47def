"""The embedded PostgreSQL and Valkey: how each is made, started, asked and stopped."""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import psycopg
import redis

from vatsim_site.embedded import ports
from vatsim_site.embedded.account import Account, account_for_servers
from vatsim_site.embedded.installation import write_private
from vatsim_site.embedded.programs import find_programs

ROLE = DATABASE = "vatsim"

# For some 40 connections, writes in bulk, and as few bytes to the disk as durability allows.
POSTGRES_SETTINGS = {
    "listen_addresses": "",  # the socket only
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than these queries
    "wal_level": "minimal",  # nobody replicates from here; rows into new partitions need no WAL
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "wal_compression": "pglz",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "30s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_lock_waits": "on",
}
# A test's data need not survive a power cut.
FORGETFUL_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}


class Server(Protocol):
    """One server program with its data."""

    @property
    def account(self) -> Account:
        """Whom it runs as."""

    @property
    def url(self) -> str:
        """Where it answers, password included."""

    @property
    def command(self) -> list[str]:
        """What starts it in the foreground."""

    def prepare(self) -> None:
        """Make what it needs before its start; harmless when that exists."""

    def answers(self) -> bool:
        """Whether it serves requests now."""


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL that listens on a Unix socket only, with a password."""

    programs: Path
    data: Path
    sockets: Path
    account: Account
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it answers, password included."""
        return f"postgresql://{ROLE}:{self.password}@/{DATABASE}?host={self.sockets}"

    @property
    def command(self) -> list[str]:
        """What starts it in the foreground."""
        settings = POSTGRES_SETTINGS | dict(self.settings)
        settings["unix_socket_directories"] = str(self.sockets)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def prepare(self) -> None:
        """Make the cluster and its folders; harmless when they exist."""
        self.account.make_private_folder(self.sockets)
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()

    def answers(self) -> bool:
        """Whether it serves requests now; makes the database at the first answer."""
        try:
            with psycopg.connect(
                self.url, dbname="postgres", connect_timeout=2, autocommit=True
            ) as connection:
                made = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if not made:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _make_cluster(self) -> None:
        # Beside its place and then moved, so that half a cluster is never taken for one.
        unfinished = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        self.account.make_private_folder(unfinished)
        password_file = self.sockets / "password"
        write_private(password_file, self.password)
        self.account.own(password_file, 0o600)
        try:
            self._run_initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.replace(self.data)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        subprocess.run(
            [
                *(str(self.programs / "initdb"), "-D", folder, "-U", ROLE),
                *("--pwfile", password_file, "--auth-local=scram-sha-256", "--auth-host=reject"),
                # PostgreSQL's own locale is the same on every machine.
                *("--encoding=UTF8", "--no-locale"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            **self.account.popen_options,
        )


@dataclass(frozen=True)
class Valkey:
    """A Valkey on a port of the loopback address, with a password; it never evicts."""

    program: Path
    data: Path
    port: int
    account: Account
    password: str
    durable: bool = True

    @property
    def url(self) -> str:
        """Where it answers, password included."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """What starts it in the foreground."""
        return [str(self.program), str(self._configuration_file)]

    def prepare(self) -> None:
        """Write its configuration, which keeps the password out of the process list."""
        self.account.make_private_folder(self.data)
        write_private(self._configuration_file, self._configuration)
        self.account.own(self._configuration_file, 0o600)

    def answers(self) -> bool:
        """Whether it serves requests now; not while it still loads its data."""
        try:
            with redis.Redis.from_url(
                self.url, socket_timeout=2, socket_connect_timeout=2
            ) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    @property
    def _configuration_file(self) -> Path:
        return self.data / "valkey.conf"

    @property
    def _configuration(self) -> str:
        lines = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self.password,
            "dir": f'"{self.data}"',
            "appendonly": "yes" if self.durable else "no",
            "save": '""',  # the append-only file holds everything
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # it would overwrite the environment that tells whose it is
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())


class RunningServer:
    """A server that this process started and stops."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server = server
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, password included."""
        return self.server.url

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise ServerStartError("It has not been started.")
        return self._process.pid

    def start(self, timeout_s: float = 30) -> None:
        """Start it and wait until it answers; an error shows the end of its log."""
        self.server.prepare()
        with self._log.open("ab") as log:
            self._process = _spawn(self.server, log)
        deadline = time.monotonic() + timeout_s
        while not self.server.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerStartError(self._log.read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self, timeout_s: float = 10) -> None:
        """End it in order, open connections included; kill it if that takes too long."""
        if self._process is None:
            return
        # To PostgreSQL SIGINT means a fast shutdown; Valkey treats it as SIGTERM.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class ServerStartError(Exception):
    """A server did not start; the message is the end of its log."""


def start_postgres(folder: Path, settings: Mapping[str, str] = FORGETFUL_SETTINGS) -> RunningServer:
    """Start a PostgreSQL of its own inside `folder`, by default one that forgets in a power cut."""
    account = account_for_servers(folder / "postgres")
    running = RunningServer(
        Postgres(
            programs=find_programs(account, folder).postgres,
            data=folder / "postgres",
            sockets=folder / "sockets",
            account=account,
            password="local",  # noqa: S106 - behind a folder that only its owner can enter
            settings=settings,
        ),
        folder / "postgres.log",
    )
    running.start()
    return running


def start_valkey(folder: Path, *, durable: bool = False) -> RunningServer:
    """Start a Valkey of its own inside `folder`, by default one that keeps nothing on disk."""
    account = account_for_servers(folder / "valkey")
    running = RunningServer(
        Valkey(
            program=find_programs(account, folder).valkey,
            data=folder / "valkey",
            port=ports.choose_free(),
            account=account,
            password="local",  # noqa: S106 - a server of tests
            durable=durable,
        ),
        folder / "valkey.log",
    )
    running.start()
    return running


def _spawn(server: Server, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # Its own session: Ctrl-C reaches the one who started it, and that one stops it.
    return subprocess.Popen(
        server.command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        start_new_session=True,
        **server.account.popen_options,
    )
