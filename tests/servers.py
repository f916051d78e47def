"""A pytest plugin: PostgreSQL and Valkey of this test run alone.

It starts before Django reads its settings. Under pytest-xdist the controller starts PostgreSQL for
all workers, each of which has its own database there, and its own Valkey.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vatsim_site.embedded.servers import RunningServer, start_postgres, start_valkey

_servers: list[RunningServer] = []
_folder: Path | None = None


@pytest.fixture(scope="module")
def open_folder() -> Generator[Path]:
    """A folder with a short path that the servers' account can enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="vatsim-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Start the servers and say in the environment where they are."""
    # `timeout` ends a run with SIGTERM: then clean up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _start_servers()
        return (yield)
    except BaseException:
        _stop_servers()
        raise


def pytest_unconfigure() -> None:
    """Stop the servers, after a failed or interrupted run too."""
    _stop_servers()


def _start_servers() -> None:
    global _folder
    # A short path, since that of a Unix socket may have 107 bytes.
    _folder = Path(tempfile.mkdtemp(prefix="vatsim-test-"))
    _folder.chmod(0o711)  # the servers' account passes through
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _servers.append(start_postgres(_folder))
        os.environ["DATABASE_URL"] = _servers[-1].url
    _servers.append(start_valkey(_folder))
    os.environ |= {
        "REDIS_URL": _servers[-1].url,
        "VAR_DIR": str(_folder / "var"),
        "SECRET_KEY": "a key of tests, which protects nothing and nobody at all",
        "PSEUDONYM_KEY": "another key of tests",
        "FEED": "simulated",
    }


def _stop_servers() -> None:
    while _servers:
        _servers.pop().stop()
    if _folder:
        shutil.rmtree(_folder, ignore_errors=True)
