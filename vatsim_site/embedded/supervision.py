"""The supervisor that keeps the processes running, and its configuration."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from configparser import RawConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from vatsim_site.embedded.processes import SERVERS, SITE, Program

LOG_SIZE, LOGS_KEPT = "10MB", 5
# A process that ends sooner than this did not start; it is tried again after 1, 2, 3 … seconds.
STARTED_AFTER_S = 5
START_TRIES = 1000
# Parts of the time for an orderly end; the rest is for the supervisor itself.
SHUTDOWN_SHARE = {SITE: 0.5, SERVERS: 0.3}


class State(NamedTuple):
    """What the supervisor says of one process."""

    name: str
    state: str  # STARTING, RUNNING, BACKOFF, FATAL, EXITED …
    exit_status: int

    @property
    def is_up(self) -> bool:
        """Whether it runs and has stayed up for a while."""
        return self.state == "RUNNING"

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more, by failure or because its work is done."""
        return self.is_failing or self.state == "EXITED"

    @property
    def is_failing(self) -> bool:
        """Whether it ended when it should not have."""
        return self.state in {"BACKOFF", "FATAL"} or (
            self.state == "EXITED" and self.exit_status != 0
        )


@dataclass(frozen=True)
class Supervisor:
    """The supervisor of one installation."""

    var_dir: Path
    control: Path  # folder of its socket and configuration
    shutdown_timeout_s: int

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.var_dir / "logs"

    def log_tail(self, program: str, lines: int = 20) -> str:
        """The last lines that the process printed."""
        try:
            text = (self.logs / f"{program}.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def start(self, programs: Sequence[Program]) -> subprocess.Popen[bytes]:
        """Start supervisord with `programs`, out of reach of the terminal's Ctrl-C."""
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self._write_configuration(programs)
        return subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", self._configuration_file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # it has a log
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def add(self, group: str, programs: Sequence[Program], beside: Sequence[Program]) -> None:
        """Start a further group of programs beside those that run."""
        self._write_configuration([*beside, *programs])
        with self._remote() as remote:
            remote.reloadConfig()
            remote.addProcessGroup(group)

    def states(self) -> list[State]:
        """Every process's state; none while the supervisor is starting or ending."""
        try:
            with self._remote() as remote:
                answers = remote.getAllProcessInfo()
        except (OSError, Fault):
            return []
        return [State(each["name"], each["statename"], each["exitstatus"]) for each in answers]

    @contextmanager
    def _remote(self) -> Iterator[Any]:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            yield server.supervisor

    @property
    def _socket(self) -> Path:
        return self.control / "supervisor.sock"

    @property
    def _configuration_file(self) -> Path:
        return self.control / "supervisor.conf"

    def _write_configuration(self, programs: Sequence[Program]) -> None:
        configuration = RawConfigParser()
        configuration.read_dict(dict(self._sections(programs)))
        # It holds Flower's password.
        self._configuration_file.touch(mode=0o600)
        with self._configuration_file.open("w") as file:
            configuration.write(file)

    def _sections(self, programs: Sequence[Program]) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "supervisord", self._own_section()
        yield "unix_http_server", {"file": _literal(self._socket), "chmod": "0700"}
        factory = "supervisor.rpcinterface:make_main_rpcinterface"
        yield "rpcinterface:supervisor", {"supervisor.rpcinterface_factory": factory}
        for priority, group in enumerate((SERVERS, SITE), start=1):  # they end in reverse
            if members := [program.name for program in programs if program.group == group]:
                yield f"group:{group}", {"programs": ",".join(members), "priority": priority}
        for program in programs:
            yield f"program:{program.name}", self._program_section(program)

    def _own_section(self) -> dict[str, Any]:
        section = {
            "logfile": _literal(self.logs / "supervisor.log"),
            "logfile_maxbytes": LOG_SIZE,
            "logfile_backups": LOGS_KEPT,
            "pidfile": _literal(self.control / "supervisor.pid"),
        }
        return section | ({"user": "root"} if os.geteuid() == 0 else {})

    def _program_section(self, program: Program) -> dict[str, Any]:
        account = program.account
        section = {
            "command": _literal(shlex.join(program.command)),
            "directory": program.folder,
            "environment": _literal(_assignments(program.environment.items())),
            "stdout_logfile": _literal(self.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": LOG_SIZE,
            "stdout_logfile_backups": LOGS_KEPT,
            "redirect_stderr": "true",
            "startretries": START_TRIES,
            "stopsignal": program.stop_signal,
            "stopwaitsecs": round(self.shutdown_timeout_s * SHUTDOWN_SHARE[program.group]),
            "killasgroup": "true",
        }
        section |= _restarts(program)
        return section | ({"user": account.name} if account and not account.is_ours else {})


def _restarts(program: Program) -> dict[str, Any]:
    if program.ends_by_itself:
        # An error would only repeat itself; one that was killed goes on.
        return {"startsecs": 0, "autorestart": "unexpected", "exitcodes": "0,1,2"}
    return {"startsecs": STARTED_AFTER_S, "autorestart": "true"}


def _assignments(variables: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in variables)


def _literal(value: object) -> str:
    # The supervisor expands %(name)s in every value.
    return str(value).replace("%", "%%")
