import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vatsim_site.embedded.leftovers import MARKER, end_processes, find_processes

STUBBORN = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); signal.pause()"
)
OBEDIENT = "import signal; print(flush=True); signal.pause()"


@pytest.fixture
def start() -> Iterator[object]:
    started = []

    def run(program: str, var_dir: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {MARKER: str(var_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        assert process.stdout
        process.stdout.readline()  # it has set its handler
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_processes_of_the_same_folder_are_found_and_others_left_alone(
    start, tmp_path: Path
) -> None:
    ours = start(OBEDIENT, tmp_path / "var")
    others = start(OBEDIENT, tmp_path / "other")
    assert [process.pid for process in find_processes(tmp_path / "var")] == [ours.pid]
    assert end_processes(tmp_path / "var", timeout_s=5) == 1
    assert not psutil.pid_exists(ours.pid)
    assert others.poll() is None


def test_a_process_that_does_not_listen_is_killed(start, tmp_path: Path) -> None:
    stubborn = start(STUBBORN, tmp_path)
    end_processes(tmp_path, timeout_s=0.2)
    assert not psutil.pid_exists(stubborn.pid)


def test_nothing_left_behind_takes_no_time_and_counts_none(tmp_path: Path) -> None:
    assert end_processes(tmp_path, timeout_s=60) == 0
