"""Recorded feeds on disk: which files there are, of what time each is, and what it holds.

A file whose JSON is a list holds transceivers; it has no time inside, so that of its name counts
(`20210421T153000Z`). A feed's time is `general.update_timestamp`, whatever its file is called.
"""

import re
import time
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.decoding import FeedRejected
from collector.feed import Body, FeedError, FeedRefused, Limits, pack, unpack
from collector.parsing import parse_feed, whole_milliseconds
from collector.records import Time

SUFFIXES = (".json", ".json.gz")
OLDEST_RADIOS = timedelta(seconds=60)  # transceivers that are older say nothing about a feed
_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 4096  # of a file, in which a feed's header stands
_FEED_TIME = re.compile(rb'"general"\s*:\s*\{[^{}]*?"update_timestamp"\s*:\s*("[^"\\]+")')
_NAME_TIME = re.compile(r"(?<!\d)\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded feed, and the file of transceivers that goes with it."""

    path: Path
    feed_at: datetime
    transceivers: Path | None = None


class Unreadable(NamedTuple):
    """A file that is no feed, and why not."""

    path: Path
    reason: str


@dataclass(slots=True)
class Catalogue:
    """The recorded feeds in the order of their own times, and the files that are of no use.

    `unused` are transceivers without a feed in the minute after them.
    """

    recordings: list[Recording] = field(default_factory=list)
    unused: list[Path] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def catalogue(paths: Iterable[Path], limits: Limits) -> Catalogue:
    """Look into every file, of each only as far as its time."""
    found = Catalogue()
    radios: list[tuple[datetime, Path]] = []
    for path in _files(paths):
        try:
            feed_at = _feed_time(path, limits)
            if feed_at:
                found.recordings.append(Recording(path, feed_at))
            else:
                radios.append((_time_in_name(path), path))
        except (OSError, FeedError, FeedRejected) as error:
            found.unreadable.append(Unreadable(path, str(error)))
    found.recordings.sort(key=lambda recording: recording.feed_at)
    _assign(sorted(radios), found)
    return found


def read(path: Path, limits: Limits) -> Body:
    """What a file holds, as if it had been fetched. Raises `OSError` and `FeedRefused`."""
    started = time.monotonic()
    with path.open("rb") as file:
        stored = file.read(limits.decompressed_bytes + 1)
    if stored.startswith(_GZIP):
        _require_size(stored, limits.compressed_bytes)
        content = unpack(stored, "gzip", limits.decompressed_bytes)
        return Body(content, stored, "gzip", 200, time.monotonic() - started)
    _require_size(stored, limits.decompressed_bytes)
    return Body(stored, *pack(stored), 200, time.monotonic() - started)


def _require_size(content: bytes, most: int) -> None:
    if len(content) > most:
        raise FeedRefused("too_large", f"over {most} bytes")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file once; a folder stands for the recordings in it and below."""
    seen = set()
    for path in paths:
        inside = (p for p in path.rglob("*") if p.name.endswith(SUFFIXES) and p.is_file())
        for file in sorted(inside) if path.is_dir() else [path]:
            if (resolved := file.resolve()) not in seen:
                seen.add(resolved)
                yield file


def _feed_time(path: Path, limits: Limits) -> datetime | None:
    """A feed's own time, None for transceivers. Raises what is wrong with any other file."""
    head = _head(path)
    if head.lstrip().startswith(b"["):
        return None
    if match := _FEED_TIME.search(head):
        try:
            return whole_milliseconds(msgspec.json.decode(match[1], type=Time))
        except msgspec.DecodeError:
            pass  # the parser says what is wrong
    return parse_feed(read(path, limits).content).feed_at


def _head(path: Path) -> bytes:
    """The start of a file's content; nothing where it can't be decompressed."""
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    if not start.startswith(_GZIP):
        return start
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(start, _HEAD_BYTES)
    except zlib.error:
        return b""


def _time_in_name(path: Path) -> datetime:
    try:
        if match := _NAME_TIME.search(path.name):
            return datetime.strptime(match[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass  # a month 13
    raise FeedRefused("no_time", "transceivers need a name such as 20210421T153000Z.json.gz")


def _assign(radios: Iterable[tuple[datetime, Path]], found: Catalogue) -> None:
    """Give each feed the newest transceivers of the minute before it."""
    times = [recording.feed_at for recording in found.recordings]
    for at, path in radios:
        i = bisect_left(times, at)
        if i == len(times) or times[i] - at > OLDEST_RADIOS:
            found.unused.append(path)
            continue
        if earlier := found.recordings[i].transceivers:
            found.unused.append(earlier)
        found.recordings[i] = replace(found.recordings[i], transceivers=path)
