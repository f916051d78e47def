"""Processes of an earlier run whose launcher was killed."""

import signal
from pathlib import Path

import psutil

# Every process of a run carries its VAR_DIR in this variable. Unlike a number in a pid file,
# which another program may have by now, it tells whose a process is.
MARKER = "VATSIM_INSTALLATION"


def find_processes(var_dir: Path) -> list[psutil.Process]:
    """All processes that a launcher with this VAR_DIR started and that still run."""
    return [process for process in psutil.process_iter() if _belongs_to(process, var_dir)]


def end_processes(var_dir: Path, timeout_s: float) -> int:
    """End what `find_processes` finds, in order where possible; return how many there were."""
    found = find_processes(var_dir)
    # A supervisor ends its children in their order; those that are orphans end all at once.
    for processes in ([each for each in found if _is_supervisor(each)], found):
        # To each of them, PostgreSQL included, SIGINT means an end that waits for no client.
        _signal(processes, signal.SIGINT)
        psutil.wait_procs(processes, timeout=timeout_s)
    alive = find_processes(var_dir)
    _signal(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=timeout_s)
    return len(found)


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _belongs_to(process: psutil.Process, var_dir: Path) -> bool:
    try:
        return bool(process.environ().get(MARKER) == str(var_dir))
    except (psutil.Error, OSError):
        return False  # ended meanwhile, or somebody else's
