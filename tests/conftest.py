"""What holds for every test: what it reports leaves nothing behind."""

from collections.abc import Iterator

import pytest

from monitoring.errors import reporting
from monitoring.errors.records import AnyRecord
from monitoring.errors.spool import Spool
from monitoring.errors.storing import close, store
from monitoring.errors.writer import Writer


@pytest.fixture(autouse=True)
def reported(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory
) -> Iterator[list[AnyRecord]]:
    """The records about errors that are reported meanwhile; `reporting.flush()` waits for them.

    The writing thread has a connection of its own, so only tests whose tables are emptied
    afterwards let it store.
    """
    records: list[AnyRecord] = []
    spool = Spool(tmp_path_factory.mktemp("errors") / "spool")
    writer = Writer(records.extend, spool)
    if _empties_tables(request):
        request.getfixturevalue("transactional_db")  # which ends after this one
        writer = Writer(store, spool, close)
    monkeypatch.setattr(reporting, "_spool", spool)
    monkeypatch.setattr(reporting, "_writer", writer)
    yield records
    assert reporting.flush(10)


def _empties_tables(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return "transactional_db" in request.fixturenames or bool(
        marker and marker.kwargs.get("transaction")
    )
