"""Keeps records in files while PostgreSQL can't take them.

They stand in VAR_DIR/errors, which only its owner can enter: whole lines of JSON, appended by all
processes under one lock. A file that is full is set aside under a name of its own; once all
together are too much, the oldest goes. Whoever drains them deletes a file when the store has taken
all of it. If that process dies in between, the lines are offered again, and the store knows their
ids.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec
from django.conf import settings

from monitoring.errors.records import AnyRecord

logger = logging.getLogger(__name__)

MOST_BYTES = 32 << 20  # in all
FILE_BYTES = 4 << 20
BATCH = 200  # records offered to the store at once

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyRecord).decode

Store = Callable[[Sequence[AnyRecord]], None]


class Spool:
    """The files of an installation."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._folder or settings.VAR_DIR / "errors"

    def add(self, records: Sequence[AnyRecord]) -> None:
        """Append records; what can't be written is lost, and the log says so."""
        lines = b"".join(_encode(record) + b"\n" for record in records)
        try:
            with self._locked("lock"):
                self._append(lines)
        except OSError as error:
            logger.error("%s records about errors can't be spooled: %s", len(records), error)  # noqa: TRY400

    def drain(self, store: Store) -> int:
        """Hand everything to `store` and delete it; how many records. What `store` raises rises.

        Where another process does so now, or there is nothing, this does nothing.
        """
        if not any(self._files()):
            return 0
        try:
            with self._locked("draining", wait=False):
                self._set_aside()
                return sum(self._drain_file(path, store) for path in self._set_aside_files())
        except BlockingIOError:
            return 0

    @property
    def _current(self) -> Path:
        return self.folder / "current.jsonl"

    def _files(self) -> Iterator[Path]:
        return self.folder.glob("*.jsonl") if self.folder.is_dir() else iter(())

    def _set_aside_files(self) -> list[Path]:
        """Oldest first."""
        return sorted(path for path in self._files() if path != self._current)

    def _append(self, lines: bytes) -> None:
        descriptor = os.open(self._current, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and not _ends_line(file.fileno(), size):
                lines = b"\n" + lines  # a process died, or the disk was full, in its midst
            file.write(lines)
        if size + len(lines) >= FILE_BYTES:
            self._rename_current()

    def _rename_current(self) -> None:
        self._current.rename(self.folder / f"{time.time_ns():020}-{os.getpid()}.jsonl")
        files = self._set_aside_files()
        while files and sum(path.stat().st_size for path in files) > MOST_BYTES - FILE_BYTES:
            oldest = files.pop(0)
            logger.warning("The spool of errors is full, its oldest file goes: %s", oldest.name)
            oldest.unlink(missing_ok=True)

    def _set_aside(self) -> None:
        with self._locked("lock"):
            if self._current.exists():
                self._rename_current()

    def _drain_file(self, path: Path, store: Store) -> int:
        drained = 0
        try:
            with path.open("rb") as file:
                records = _records(file)
                while batch := list(islice(records, BATCH)):
                    store(batch)
                    drained += len(batch)
        except FileNotFoundError:  # it was the oldest of too many
            return drained
        except OSError as error:  # the others can be read all the same
            logger.warning("A file of the spool of errors can't be read: %s", error)
            return drained
        path.unlink(missing_ok=True)
        return drained

    @contextmanager
    def _locked(self, name: str, *, wait: bool = True) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)


def _ends_line(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _records(lines: Iterator[bytes] | Sequence[bytes]) -> Iterator[AnyRecord]:
    for line in lines:
        try:
            yield _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            logger.warning("A line of the spool of errors can't be read and is left out")
