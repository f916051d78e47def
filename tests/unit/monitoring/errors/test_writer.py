"""The thread that writes, and what it does when it can't."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitoring.errors import writer as module
from monitoring.errors.records import AnyRecord
from monitoring.errors.spool import Spool
from monitoring.errors.writer import MOST_RECORDS, Away, Writer
from tests.unit.monitoring.errors.test_spool import record
from tests.unit.monitoring.errors.test_tallying import describe, key


class Store:
    """Takes records, unless it is away or slow."""

    def __init__(self) -> None:
        self.records: list[AnyRecord] = []
        self.calls = 0
        self.is_away = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, records: Sequence[AnyRecord]) -> None:
        self.calls += 1
        self.may_go_on.wait(10)
        if self.is_away:
            raise Away("nobody answers")
        self.records.extend(records)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "errors")


@pytest.fixture
def writer(store: Store, spool: Spool) -> Writer:
    return Writer(store, spool)


def count(writer: Writer) -> None:
    with writer.changed:
        writer.tally.count(writer.tally.find(key(), describe))
        writer.wake()


def test_what_is_put_is_written_soon_and_flush_waits_for_it(writer: Writer, store: Store) -> None:
    first = record()
    assert writer.put(first)
    assert writer.flush(5)
    assert store.records == [first]
    assert writer.flush(0)


def test_it_writes_at_most_once_a_second(writer: Writer, store: Store) -> None:
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        count(writer)
        time.sleep(0.001)
    assert 2 <= store.calls <= 4
    assert writer.flush(5)
    assert sum(each.count for each in store.records) > 500


def test_what_the_store_can_not_take_goes_to_the_spool_and_comes_back(
    writer: Writer, store: Store, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AWAY_S", 0.2)
    store.is_away = True
    names = [str(number) for number in range(3)]
    for name in names:
        writer.put(record(name))
        assert writer.flush(5)
    assert store.records == []
    assert store.calls == 1, "it was asked again although it was away a moment ago"
    store.is_away = False
    time.sleep(0.25)
    writer.put(record("after"))
    assert writer.flush(5)
    assert sorted(each.name for each in store.records) == sorted([*names, "after"])


def test_a_queue_that_is_full_says_so(writer: Writer, store: Store) -> None:
    store.may_go_on.clear()
    taken = sum(writer.put(record(str(number))) for number in range(3 * MOST_RECORDS))
    assert MOST_RECORDS <= taken <= 2 * MOST_RECORDS + 1
    store.may_go_on.set()
    assert writer.flush(5)
    assert len(store.records) == taken


def test_flush_does_not_wait_for_ever_and_the_rest_is_rescued(
    writer: Writer, store: Store, spool: Spool
) -> None:
    store.may_go_on.clear()
    writer.put(record("hangs"))
    time.sleep(0.1)
    writer.put(record("waits"))
    started = time.monotonic()
    assert not writer.flush(0.2)
    assert time.monotonic() - started < 1
    writer.rescue()
    kept: list[AnyRecord] = []
    spool.drain(kept.extend)
    assert [each.name for each in kept] == ["waits"]
    store.may_go_on.set()


def test_a_store_with_a_bug_does_not_end_the_thread(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[AnyRecord] = []

    def store(records: Sequence[AnyRecord]) -> None:
        if any(each.name == "bad" for each in records):
            raise RuntimeError
        taken.extend(records)

    writer = Writer(store, spool)
    for name in ("bad", "good"):
        writer.put(record(name))
        assert writer.flush(5)
    assert [each.name for each in taken] == ["good"]
    assert "records about errors are lost" in caplog.text
