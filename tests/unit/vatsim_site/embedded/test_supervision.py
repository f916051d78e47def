"""What is written for the supervisor, as the supervisor itself reads it."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from vatsim_site.embedded.account import account_for_servers
from vatsim_site.embedded.processes import SERVERS, SITE, Program
from vatsim_site.embedded.supervision import State, Supervisor

POSTGRES = Program("postgres", ("/bin/postgres",), SERVERS, stop_signal="INT", folder="/")
WEB = Program("web", ("/bin/web",))


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    for folder in ("logs", "run"):
        (tmp_path / folder).mkdir()
    return Supervisor(tmp_path, tmp_path / "run", shutdown_timeout_s=15)


def groups(supervisor: Supervisor, *programs: Program) -> dict[str, Any]:
    supervisor._write_configuration(programs)
    options = ServerOptions()
    options.realize(["-c", str(supervisor._configuration_file)])
    return {group.name: group for group in options.process_group_configs}


def process(supervisor: Supervisor, program: Program) -> Any:
    return groups(supervisor, program)[program.group].process_configs[0]


@pytest.mark.parametrize(
    "argument", ["100%", "%(here)s", "a folder/with spaces", "it's", 'say "hi"', "a\\b", ""]
)
def test_an_argument_arrives_as_it_was(supervisor: Supervisor, argument: str) -> None:
    written = process(supervisor, Program("web", ("/bin/web", argument)))
    assert shlex.split(written.command) == ["/bin/web", argument]


@pytest.mark.parametrize("value", ["http://127.0.0.1:1/a.json?b=c,d", "flower:a_b-c%d", ""])
def test_a_variable_arrives_as_it_was(supervisor: Supervisor, value: str) -> None:
    environment = {"PROCESS_NAME": "web", "VALUE": value}
    written = process(supervisor, Program("web", ("/bin/web",), environment=environment))
    assert written.environment == environment


def test_the_site_ends_before_its_servers(supervisor: Supervisor) -> None:
    written = groups(supervisor, POSTGRES, WEB)
    # The supervisor ends the group with the highest number first.
    assert written[SITE].priority > written[SERVERS].priority


@pytest.mark.parametrize("timeout_s", [5, 15, 60])
def test_both_groups_end_within_the_time(tmp_path: Path, timeout_s: int) -> None:
    (tmp_path / "logs").mkdir()
    written = groups(Supervisor(tmp_path, tmp_path, timeout_s), POSTGRES, WEB)
    waits = [group.process_configs[0].stopwaitsecs for group in written.values()]
    assert all(wait >= 1 for wait in waits)
    assert sum(waits) < timeout_s


def test_postgres_is_told_not_to_wait_for_clients(supervisor: Supervisor) -> None:
    assert process(supervisor, POSTGRES).stopsignal.name == "SIGINT"
    assert process(supervisor, WEB).stopsignal.name == "SIGTERM"


def test_a_process_that_ends_is_started_again(supervisor: Supervisor) -> None:
    written = process(supervisor, WEB)
    assert written.autorestart.__name__ == "RestartUnconditionally"
    assert written.startretries >= 100


def test_a_replay_is_started_again_only_when_it_was_killed(supervisor: Supervisor) -> None:
    written = process(supervisor, Program("replay", ("/bin/replay",), ends_by_itself=True))
    assert written.autorestart.__name__ == "RestartWhenExitUnexpected"
    assert {0, 1, 2} <= set(written.exitcodes)
    assert 137 not in written.exitcodes


def test_a_server_runs_as_its_account(supervisor: Supervisor, tmp_path: Path) -> None:
    account = account_for_servers(tmp_path)
    written = process(supervisor, Program("valkey", ("/bin/valkey",), SERVERS, account=account))
    assert written.uid == (None if account.is_ours else account.uid)


def test_the_file_with_flowers_password_is_its_owners_only(supervisor: Supervisor) -> None:
    groups(supervisor, WEB)
    assert supervisor._configuration_file.stat().st_mode & 0o777 == 0o600


def test_logs_are_rotated(supervisor: Supervisor) -> None:
    written = process(supervisor, WEB)
    assert 0 < written.stdout_logfile_maxbytes <= 100 * 1024**2
    assert 0 < written.stdout_logfile_backups <= 10


@pytest.mark.parametrize(
    ("state", "is_failing"),
    [
        (State("web", "RUNNING", 0), False),
        (State("web", "BACKOFF", 1), True),
        (State("web", "FATAL", 0), True),
        (State("replay", "EXITED", 0), False),
        (State("replay", "EXITED", 1), True),
    ],
)
def test_a_process_fails_when_it_does_not_stay_up(state: State, is_failing: bool) -> None:
    assert state.is_failing is is_failing


def test_without_a_supervisor_nothing_is_said_to_run(supervisor: Supervisor) -> None:
    assert supervisor.states() == []


def test_the_tail_of_a_log_is_its_last_lines(supervisor: Supervisor) -> None:
    (supervisor.logs / "web.log").write_bytes(b"one\ntwo \xff\nthree\n")
    assert supervisor.log_tail("web", lines=2).splitlines()[-1] == "three"
    assert "one" not in supervisor.log_tail("web", lines=2)
    assert supervisor.log_tail("beat") == ""
