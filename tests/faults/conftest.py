"""Installations of real processes, and an undisturbed one to compare them with."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from collector.buffer import FeedBuffer
from collector.feed import Body, pack
from collector.models import Source
from collector.services import flushing
from collector.services.flushing import flush
from collector.services.polling import Fetched, take
from monitoring import runtime
from tests.faults.feed import Bodies
from tests.faults.installation import Installation, prepare_cluster
from tests.faults.rows import Rows, read_rows
from tests.faults.scale import FULL, SEED

Note = Callable[[str], None]
Install = Callable[..., Installation]
Undisturbed = Callable[[Iterable[Bodies]], Rows]
FIGURE = "figure"


def pytest_report_header() -> str:
    return f"faults: FAULT_SEED={SEED} FULL={int(FULL)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured, and with which dice."""
    terminalreporter.section(f"faults: FAULT_SEED={SEED} FULL={int(FULL)}")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, figure in report.user_properties:
                if name == FIGURE:
                    terminalreporter.line(str(figure))


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Keep a figure for the end of the run; it comes there from other processes too."""
    return partial(record_property, FIGURE)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Where a PostgreSQL cluster is to be copied from."""
    with _folder() as folder:
        yield prepare_cluster(folder)


@pytest.fixture
def install(cluster: Path) -> Iterator[Install]:
    """Make an installation that ends with the test."""
    with _folder() as folder, ExitStack() as ends:

        def install(aircraft: int = 100, **variables: str) -> Installation:
            return Installation(folder, ends, cluster, aircraft, **variables)

        yield install


@contextmanager
def _folder() -> Iterator[Path]:
    # A short path, since that of a Unix socket may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="vatsim-faults-"))
    folder.chmod(0o711)  # the servers' account passes through
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def chance() -> random.Random:
    """The dice of one test: the same seed throws the same."""
    return random.Random(SEED)


@pytest.fixture
def undisturbed(db: None) -> Undisturbed:
    """The rows that feeds leave where nothing fails: in this process, in a database of its own."""
    buffer = FeedBuffer()
    buffer.redis.flushall()
    flushing.forget_state()
    runtime.forget()
    Source.objects.create(kind=Source.Kind.SIMULATED)

    def undisturbed(bodies: Iterable[Bodies]) -> Rows:
        for data, transceivers in bodies:
            radios = _body(transceivers) if transceivers else None
            take(Fetched(_body(data), radios, "", timezone.now(), 0.1), buffer, "simulated")
            flush(buffer)
        with connection.cursor() as cursor:
            return read_rows(cursor)

    return undisturbed


def _body(content: bytes) -> Body:
    return Body(content, *pack(content), 200, 0.1)
