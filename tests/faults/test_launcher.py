"""`make run`, from its start to its end, on real processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import urllib3

from vatsim_site.embedded import installation, ports
from vatsim_site.embedded.leftovers import end_processes, find_processes

ROOT = Path(__file__).parents[2]
SHUTDOWN_TIMEOUT_S = 15
START_TIMEOUT_S = 90
OWN_SERVERS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PSEUDONYM_KEY", "DJANGO_SETTINGS_MODULE"}


class System:
    """The system in a folder of its own, with a small simulated feed."""

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.port = ports.choose_free()
        self.launcher: subprocess.Popen[bytes] | None = None
        self._output = var_dir.with_suffix(".output")

    @property
    def said(self) -> str:
        return self._output.read_text()

    def launch(self, **variables: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name not in OWN_SERVERS}
        environment |= {
            "VAR_DIR": str(self.var_dir),
            "PORT": str(self.port),
            "FEED": "simulated",
            "SIMULATION_AIRCRAFT": "10",
            "SERVICE_SHUTDOWN_TIMEOUT": str(SHUTDOWN_TIMEOUT_S),
        }
        with self._output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "vatsim_site.embedded"],
                cwd=ROOT,
                env=environment | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launcher = self.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        while "Ready: " not in self.said:
            assert self.launcher.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Seconds until the launcher has ended."""
        assert self.launcher
        begun = time.monotonic()
        self.launcher.send_signal(number)
        self.launcher.wait(2 * SHUTDOWN_TIMEOUT_S)
        return time.monotonic() - begun

    def get(self, path: str) -> int:
        return urllib3.request("GET", f"http://127.0.0.1:{self.port}{path}", timeout=5).status


@pytest.fixture(scope="module")
def system(open_folder: Path) -> Iterator[System]:
    system = System(open_folder / "var")
    yield system
    if system.launcher:
        system.launcher.kill()
        system.launcher.wait()
    end_processes(system.var_dir, timeout_s=10)


@pytest.fixture
def running(system: System) -> System:
    if system.launcher is None or system.launcher.poll() is not None:
        system.start()
    return system


def test_what_it_says_is_ready_answers(running: System) -> None:
    assert running.get("/admin/login/") == 200
    assert running.get("/api/docs/") == 200
    assert running.get("/health/live") == 200
    flower = re.search(r"Flower +(http://127\.0\.0\.1:\d+/)", running.said)
    assert flower
    assert urllib3.request("GET", flower[1]).status == 401
    password = installation.read_secret(running.var_dir, "flower_password")
    headers = urllib3.make_headers(basic_auth=f"flower:{password}")
    assert urllib3.request("GET", flower[1], headers=headers).status == 200


def test_it_says_loudly_that_the_feed_is_simulated(running: System) -> None:
    assert "*** SIMULATED" in running.said


def test_a_second_start_in_the_same_folder_is_refused(running: System) -> None:
    second = System(running.var_dir)
    second._output = running.var_dir.with_suffix(".second")
    assert second.launch().wait(START_TIMEOUT_S) == 1
    assert "already runs" in second.said
    assert running.get("/health/live") == 200


def test_a_taken_port_is_refused_with_its_holder(running: System, tmp_path: Path) -> None:
    second = System(tmp_path / "var")
    assert second.launch(PORT=str(running.port)).wait(START_TIMEOUT_S) == 2
    assert re.search(rf"^PORT {running.port} is in use by \S+ \(process \d+\)", second.said)


def test_a_process_that_is_killed_is_started_again(running: System) -> None:
    (worker,) = [
        process
        for process in find_processes(running.var_dir)
        if "granian" in " ".join(process.cmdline()) and process.parent().name() != "granian"
    ][:1]
    worker.kill()
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        assert time.monotonic() < deadline
        try:
            if running.get("/health/live") == 200:
                break
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_everything_ends_in_time_and_nothing_is_lost(
    running: System, number: signal.Signals
) -> None:
    url = installation.read_addresses(running.var_dir).database_url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (name text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number.name])
    assert running.end(number) < SHUTDOWN_TIMEOUT_S
    assert running.launcher
    assert running.launcher.returncode == 0
    assert find_processes(running.var_dir) == []
    running.start()
    with psycopg.connect(installation.read_addresses(running.var_dir).database_url) as connection:
        assert connection.execute("SELECT name FROM kept WHERE name = %s", [number.name]).fetchone()


@pytest.mark.parametrize("victims", ["launcher", "launcher and supervisor"])
def test_it_starts_again_after_a_crash_that_left_processes_behind(
    running: System, victims: str
) -> None:
    assert running.launcher
    if "supervisor" in victims:
        os.kill(int((running.var_dir / "run" / "supervisor.pid").read_text()), signal.SIGKILL)
    running.launcher.kill()
    running.launcher.wait()
    left = {process.pid for process in find_processes(running.var_dir)}
    assert left
    running.start()
    assert "an earlier run left behind" in running.said
    assert not {pid for pid in left if psutil.pid_exists(pid)}
    assert running.get("/health/live") == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("FEED", "/no/such/folder"), ("PG_BIN", "/no/such/folder")],
)
def test_a_bad_value_ends_the_start_with_one_sentence(
    open_folder: Path, name: str, value: str
) -> None:
    system = System(open_folder / f"bad-{name}")
    assert system.launch(**{name: value}).wait(START_TIMEOUT_S) == 2
    (sentence,) = [line for line in system.said.splitlines() if name in line]
    assert sentence.startswith(name)
    assert "Traceback" not in system.said
