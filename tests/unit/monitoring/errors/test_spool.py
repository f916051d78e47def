"""What waits in files for PostgreSQL."""

import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitoring.errors import spool as module
from monitoring.errors.kinds import BreakerState
from monitoring.errors.records import AnyRecord, TransitionRecord
from monitoring.errors.spool import Spool
from monitoring.errors.writer import Away


def record(name: str = "feed") -> TransitionRecord:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return TransitionRecord(
        name=name, at=at, from_state=BreakerState.CLOSED, to_state=BreakerState.OPEN
    )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "errors")


def drained(spool: Spool) -> list[AnyRecord]:
    records: list[AnyRecord] = []
    spool.drain(records.extend)
    return records


def test_what_was_added_comes_back_once_in_order(spool: Spool) -> None:
    records = [record(str(number)) for number in range(1000)]
    spool.add(records[:400])
    spool.add(records[400:])
    assert drained(spool) == records
    assert drained(spool) == []
    assert not list(spool.folder.glob("*.jsonl"))


def test_only_the_owner_can_read_it(spool: Spool) -> None:
    spool.add([record()])
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in spool.folder.iterdir()} == {0o600}


def test_a_store_that_is_away_leaves_everything(spool: Spool) -> None:
    records = [record(str(number)) for number in range(500)]
    spool.add(records)
    offered: list[AnyRecord] = []

    def fail_later(batch: Sequence[AnyRecord]) -> None:
        if offered:
            raise Away
        offered.extend(batch)

    with pytest.raises(Away):
        spool.drain(fail_later)
    assert 0 < len(offered) < 500
    # Offered again, with the same ids, by which the store knows them.
    assert drained(spool) == records


def test_half_a_line_costs_only_itself(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    first, second = record("first"), record("second")
    spool.add([first])
    with (spool.folder / "current.jsonl").open("ab") as file:
        file.write(b'{"record":"transition","na\xff')
    spool.add([second])
    assert drained(spool) == [first, second]
    assert "can't be read" in caplog.text


def test_a_line_nested_too_deep_costs_only_itself(spool: Spool) -> None:
    first = record("first")
    spool.add([first])
    with (spool.folder / "current.jsonl").open("ab") as file:
        file.write(b'{"record":"error","context":' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"\n")
    assert drained(spool) == [first]


def test_a_file_that_can_not_be_read_holds_up_no_other(spool: Spool) -> None:
    records = [record()]
    spool.add(records)
    (spool.folder / "0.jsonl").mkdir()
    assert drained(spool) == records


def test_it_is_capped_and_the_oldest_goes(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 2000)
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    for number in range(1000):
        spool.add([record(str(number))])
        size = sum(path.stat().st_size for path in spool.folder.glob("*.jsonl"))
        assert size <= 10_000
    names = [each.name for each in drained(spool)]
    assert names == [str(number) for number in range(1000 - len(names), 1000)]
    assert len(names) > 20
    assert "its oldest file goes" in caplog.text


def test_many_writers_and_drains_at_once_lose_and_double_nothing(spool: Spool) -> None:
    stored: list[str] = []

    def write(number: int) -> None:
        spool.add([record(f"{number}-{n}") for n in range(20)])
        spool.drain(lambda batch: stored.extend(each.name for each in batch))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(100)))
    stored.extend(each.name for each in drained(spool))
    assert sorted(stored) == sorted(f"{number}-{n}" for number in range(100) for n in range(20))


def test_a_folder_that_can_not_be_written_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "errors").write_text("a file")
    Spool(tmp_path / "errors").add([record()])
    assert "can't be spooled" in caplog.text
