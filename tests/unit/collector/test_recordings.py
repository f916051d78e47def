import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.feed import FeedRefused, Limits
from collector.recordings import catalogue, read

AT = datetime(2021, 4, 21, 15, 30, tzinfo=UTC)
LIMITS = Limits(compressed_bytes=1000, decompressed_bytes=5000)


def header(seconds: float = 0) -> bytes:
    """The start of a feed, which is all that tells its time."""
    return b'{"general":{"version":3,"update_timestamp":"2021-04-21T15:30:%07.4fZ"},' % seconds


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_feeds_stand_in_the_order_of_their_own_times(tmp_path):
    late = write(tmp_path, "a.json", header(30))
    early = write(tmp_path, "sub/b.json.gz", gzip.compress(header(15)))
    write(tmp_path, "notes.txt", b"not looked at")
    found = catalogue([tmp_path], LIMITS)
    assert [recording.path for recording in found.recordings] == [early, late]
    assert (found.unused, found.unreadable) == ([], [])


def test_times_are_those_of_the_buffer_in_milliseconds(tmp_path):
    path = write(tmp_path, "a.json", header(1.2349))
    [recording] = catalogue([path], LIMITS).recordings
    assert recording.feed_at == AT.replace(second=1, microsecond=234_000)


def test_a_file_named_twice_counts_once(tmp_path):
    path = write(tmp_path, "a.json", header())
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert len(catalogue([path, tmp_path, link], LIMITS).recordings) == 1


def test_a_file_named_by_itself_may_have_any_name(tmp_path):
    path = write(tmp_path, "feed", header())
    assert len(catalogue([path], LIMITS).recordings) == 1


def test_only_the_head_of_a_large_file_is_looked_at(tmp_path):
    body = header() + b'"pilots":[' + b" " * 1_000_000
    path = write(tmp_path, "a.json", body)
    assert len(catalogue([path], LIMITS).recordings) == 1


def test_text_inside_a_feed_is_not_taken_for_its_header(tmp_path):
    name = rb'{"servers":[{"name":"\"general\":{\"update_timestamp\":\"2001-01-01T00:00:00Z\""}],'
    path = write(tmp_path, "a.json", name + header()[1:] + b'"pilots":[],"controllers":[]}')
    [recording] = catalogue([path], LIMITS).recordings
    assert recording.feed_at == AT


@pytest.mark.parametrize("name", ["20210421T152930Z.json", "t-20210421T152930Z.json.gz"])
def test_a_list_holds_transceivers_of_the_time_in_its_name(tmp_path, name):
    radios = write(tmp_path, name, b" [{}]")
    feed = write(tmp_path, "a.json", header())
    [recording] = catalogue([tmp_path], LIMITS).recordings
    assert (recording.path, recording.transceivers) == (feed, radios)


def test_a_plain_file_is_kept_compressed(tmp_path):
    body = read(write(tmp_path, "a.json", b" " * 4000), LIMITS)
    assert (body.content, body.encoding) == (b" " * 4000, "zstd")
    assert len(body.stored) < 100


def test_a_compressed_file_is_kept_as_it_is(tmp_path):
    stored = gzip.compress(b"{}")
    body = read(write(tmp_path, "a.json", stored), LIMITS)
    assert (body.content, body.stored, body.encoding) == (b"{}", stored, "gzip")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b" " * 5001, id="plain"),
        pytest.param(gzip.compress(b" " * 5001), id="bomb"),
        pytest.param(gzip.compress(bytes(range(256)) * 8, 0), id="compressed"),
    ],
)
def test_a_file_that_is_too_large_is_refused(tmp_path, content):
    with pytest.raises(FeedRefused, match="too_large"):
        read(write(tmp_path, "a.json", content), LIMITS)


def test_a_file_that_ends_early_is_refused(tmp_path):
    with pytest.raises(FeedRefused, match="truncated"):
        read(write(tmp_path, "a.json.gz", gzip.compress(b"{}")[:-3]), LIMITS)
