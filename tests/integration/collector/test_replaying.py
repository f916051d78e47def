import gzip
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from threading import Event

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from collector import snapshots
from collector.buffer import FeedBuffer
from collector.management.commands import replay as command
from collector.models import FailedPoll, Flight, Poll, Position, Source, Tuning
from collector.positions import HOT, partitions
from collector.recordings import Recording, catalogue
from collector.services import flushing, replaying, sources
from collector.services.flushing import FlushResult
from monitoring import runtime
from tests.integration.collector.simulated import simulated, times
from tests.integration.collector.tables import checksums, facts


@pytest.fixture
def folder(tmp_path) -> Path:
    """Eight recorded feeds, named so that their order is another than that of their times."""
    for i, at in enumerate(times(8)):
        data, _ = simulated(at)
        name = f"{9 - i}.json"
        if i % 2:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def replay(db, buffer) -> Callable[..., str]:
    """Run the command as fast as it can; what it said."""

    def replay(*paths: Path, speed: str = "0") -> str:
        said = StringIO()
        call_command("replay", *map(str, paths), "--speed", speed, stdout=said, stderr=said)
        return said.getvalue()

    return replay


def _stored() -> list[datetime]:
    return list(Poll.objects.order_by("feed_at").values_list("feed_at", flat=True))


@contextmanager
def _undone() -> Iterator[None]:
    """What happens in PostgreSQL meanwhile is gone afterwards; Redis remembers it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    flushing.forget_state()


def _radios(folder: Path, at: datetime) -> Path:
    """The transceivers of the network at a time, under the name of the whole second before."""
    path = folder / f"{at:%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(simulated(times(1)[0])[1])
    return path


# --- What is replayed ---------------------------------------------------------------------------


def test_feeds_go_through_in_the_order_of_their_own_times(replay, folder):
    said = replay(folder)
    assert _stored() == times(8)
    assert Source.objects.get().kind == Source.Kind.RECORDED
    assert "8 of 8 feeds taken, 0 stored before or older, 0 files unreadable" in said
    assert f"{Flight.objects.count():,} flights" in said
    assert f"{Position.objects.count():,} positions" in said
    assert "2026-03-01 12:00:00Z to 2026-03-01 12:01:45Z" in said


def test_replaying_again_changes_no_row(replay, folder):
    replay(folder)
    before = checksums()
    assert "0 of 8 feeds taken, 8 stored before or older" in replay(folder)
    assert checksums() == before


def test_a_replay_that_was_cut_short_goes_on_where_it_ended(replay, folder):
    files = sorted(folder.iterdir(), reverse=True)
    replay(*files[:3])
    assert "5 of 8 feeds taken, 3 stored before or older" in replay(folder)
    assert _stored() == times(8)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_doubled_and_stale_files_gives_the_same_rows(
    replay, folder, buffer, seed, tmp_path_factory
):
    """The order of the files, their doubles and calls that come too late make no difference."""
    chance = Random(seed)
    files = sorted(folder.iterdir())
    copies = tmp_path_factory.mktemp("copies")
    for i, file in enumerate(chance.choices(files, k=6)):
        (copies / f"{i}{''.join(file.suffixes)}").write_bytes(file.read_bytes())
    named = [*files, *copies.iterdir()]
    chance.shuffle(named)
    with _undone():
        replay(folder)
        expected = facts()
    assert all(expected[f"collector_{name}"] for name in ("flight", "position", "poll"))
    buffer.redis.flushdb()
    replay(*named)
    replay(*chance.sample(named, 4))
    assert facts() == expected


def test_windows_are_compacted_as_they_end(replay, tmp_path):
    for i, at in enumerate(times(4, step_s=600)):
        (tmp_path / f"{i}.json").write_bytes(simulated(at)[0])
    replay(tmp_path)
    assert [start for _, start in partitions(HOT)] == [times(4, step_s=600)[3]]


# --- Transceivers -------------------------------------------------------------------------------


def test_transceivers_go_with_the_first_feed_of_the_minute_after_them(replay, folder):
    first = times(1)[0]
    _radios(folder, first - timedelta(seconds=60))
    _radios(folder, first + timedelta(seconds=16))
    replay(folder)
    with_radios = Poll.objects.filter(has_transceivers=True).order_by("feed_at")
    assert list(with_radios.values_list("feed_at", flat=True)) == [times(8)[0], times(8)[2]]
    assert Tuning.objects.filter(since_at=first).exists()


def test_transceivers_without_a_feed_are_named(replay, folder):
    early = _radios(folder, times(1)[0] - timedelta(seconds=61))
    late = _radios(folder, times(8)[-1] + timedelta(seconds=1))
    older_of_two = _radios(folder, times(8)[3] - timedelta(seconds=14))
    _radios(folder, times(8)[3] - timedelta(seconds=2))
    said = replay(folder)
    assert "3 files of transceivers unused" in said
    for path in (early, late, older_of_two):
        assert str(path) in said
    assert Poll.objects.filter(has_transceivers=True).count() == 1


def test_transceivers_that_cannot_be_read_cost_no_feed(replay, folder):
    at = times(1)[0]
    (folder / f"{at:%Y%m%dT%H%M%SZ}.json").write_text("[{]")
    said = replay(folder)
    assert _stored() == times(8)
    assert "1 feeds whose transceivers could not be read" in said


# --- Files that are no feed ---------------------------------------------------------------------


BAD = {
    "html.json": b"<html>",
    "null.json": b"null",
    "empty.json": b"",
    "cut.json.gz": gzip.compress(b'{"general"' + os.urandom(1000))[:-20],
    "no-gzip.json.gz": b"\x1f\x8b junk",
    "no-time.json": b'{"general": {}}',
    "naive.json": b'{"general":{"update_timestamp":"2026-03-01T12:00:00"}}',
    "transceivers-without-a-time.json": b"[]",
    "20261301T000000Z.json": b"[]",
}


def test_files_that_are_no_feed_are_named_and_cost_nothing_else(replay, folder):
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
    said = replay(folder)
    assert f"{len(BAD)} files unreadable" in said
    assert [name for name in BAD if name not in said] == []
    assert _stored() == times(8)


def test_a_feed_that_breaks_after_its_header_costs_only_itself(replay, folder):
    at = times(9)[-1]
    header = json.dumps({"general": {"update_timestamp": at.isoformat()}})
    (folder / "broken.json").write_text(header[:-1] + ', "pilots":')
    whole = gzip.compress(simulated(at + timedelta(seconds=15))[0])
    (folder / "cut.json.gz").write_bytes(whole[:-100])
    said = replay(folder)
    assert "2 files unreadable" in said
    assert _stored() == times(8)
    assert not FailedPoll.objects.exists()  # a replay leaves no trace of them each time


def test_a_replay_of_nothing_fails(replay, tmp_path):
    (tmp_path / "a.json").write_text("null")
    with pytest.raises(CommandError, match="no recorded feed"):
        replay(tmp_path)
    with pytest.raises(CommandError, match="no recorded feed"):
        replay(tmp_path / "missing.json")
    assert not Source.objects.exists()


def test_a_replay_in_which_every_feed_breaks_fails(replay, folder, tmp_path_factory):
    broken = tmp_path_factory.mktemp("broken") / "a.json"
    broken.write_bytes(simulated(times(1)[0])[0][:-100])
    with pytest.raises(CommandError, match="None of the recorded feeds"):
        replay(broken)


def test_the_limits_of_size_hold(replay, folder, settings):
    settings.FEED_MAX_MB = 0.01
    with pytest.raises(CommandError):
        replay(folder)
    settings.FEED_MAX_MB, settings.FEED_MAX_COMPRESSED_MB = 32, 0.001
    said = replay(folder)
    assert "4 files unreadable" in said  # the compressed ones
    assert Poll.objects.count() == 4


@pytest.mark.parametrize("speed", ["-1", "nan", "inf", "100001", "fast"])
def test_a_speed_that_is_none_is_refused(replay, folder, speed):
    with pytest.raises(CommandError, match="--speed"):
        replay(folder, speed=speed)


# --- Where it may not go ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Source.Kind.LIVE, Source.Kind.SIMULATED])
def test_a_database_of_another_kind_is_refused(replay, folder, kind):
    Source.objects.create(kind=kind)
    with pytest.raises(CommandError, match=f"This database holds {kind.label}"):
        replay(folder)
    assert not Poll.objects.exists()


# --- How it goes --------------------------------------------------------------------------------


def test_the_live_lists_say_that_it_is_a_replay(replay, folder):
    replay(folder, speed="5000")
    snapshots.forget()
    head = snapshots.head()
    assert (head.feed_at, head.replayed, head.speed) == (times(8)[-1], True, 5000)


def test_a_replay_ends_after_the_feed_in_hand(db, buffer, folder):
    stop = Event()
    played: list[Recording] = []

    def on_feed(recording: Recording) -> None:
        played.append(recording)
        if len(played) == 3:
            stop.set()

    recordings = catalogue([folder], sources.limits()).recordings
    done = replaying.replay(recordings, 0, stop, on_feed)
    assert (done.taken, _stored()) == (3, times(3))


def test_signals_end_a_replay_and_are_then_as_before():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    for number in (signal.SIGTERM, signal.SIGINT):
        with command._told_to_stop() as stop:
            os.kill(os.getpid(), number)
            assert stop.wait(5)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_replay_waits_while_another_process_flushes(replay, folder, monkeypatch):
    monkeypatch.setattr(replaying, "TRY_AGAIN_S", 0)
    refusals = iter([True, True])
    flush = flushing.flush

    def busy_at_first(*arguments) -> FlushResult:
        return FlushResult(busy=True) if next(refusals, False) else flush(*arguments)

    monkeypatch.setattr(replaying, "flush", busy_at_first)
    replay(folder)
    assert next(refusals, None) is None
    assert _stored() == times(8)


def test_a_replay_waits_while_flushing_is_switched_off(db, buffer, folder, monkeypatch):
    stop = Event()
    off = replace(runtime.defaults(), flush_enabled=False)
    answers = iter([off, off, off])
    monkeypatch.setattr(runtime, "current", lambda: next(answers, runtime.defaults()))
    monkeypatch.setattr(replaying, "TRY_AGAIN_S", 0)
    recordings = catalogue([folder], sources.limits()).recordings
    replaying.replay(recordings, 0, stop, lambda _: None)
    assert next(answers, None) is None
    assert _stored() == times(8)


def test_feeds_that_cannot_be_true_yet_are_held_and_said(replay, folder):
    at = times(9)[-1]
    feed = json.loads(simulated(at)[0])
    feed["general"]["connected_clients"] += 500
    (folder / "implausible.json").write_text(json.dumps(feed))
    said = replay(folder)
    assert "9 of 9 feeds taken" in said
    assert "8 stored" in said
    assert "1 feeds are held" in said
    assert FeedBuffer().depth().feeds == 1


def test_a_buffer_that_served_a_later_database_lets_the_replay_in(replay, folder, buffer):
    with _undone():
        replay(folder)
    assert buffer.depth().feeds == 0
    assert "8 of 8 feeds taken" in replay(folder)
