"""`manage.py replay`: send recorded feeds through the pipeline."""

import math
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from collector.recordings import Catalogue, Recording, catalogue
from collector.services import sources
from collector.services.replaying import Replay, Summary, replay, summarise

FASTEST = 100_000
LINE_EVERY = 100  # feeds, where no terminal shows a bar


class Command(BaseCommand):
    """Plays until the recordings end, or until SIGTERM or Ctrl-C after the feed in hand."""

    help = (
        "Send recorded feeds (*.json, *.json.gz) through the pipeline, in the order of their own "
        "times. Feeds that are stored already are skipped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define files and speed."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument(
            "--speed",
            type=_speed,
            default=1.0,
            help="times as fast as recorded (1), 0 for as fast as it can; no gap takes over 60 s",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Play, and say what came of it."""
        found = catalogue(options["paths"], sources.limits())
        for path, reason in found.unreadable:
            self.stderr.write(f"{path}: {reason}")
        if not found.recordings:
            raise CommandError("There is no recorded feed that could be replayed.")
        try:
            with _told_to_stop() as stop, self._progress(len(found.recordings)) as on_feed:
                done = replay(found.recordings, options["speed"], stop, on_feed)
        except sources.SourceConflict as error:
            raise CommandError(str(error)) from None
        for path, reason in done.unreadable:
            self.stderr.write(f"{path}: {reason}")
        self.stdout.write("\n".join(_lines(found, done)))
        if len(done.unreadable) == len(found.recordings):
            raise CommandError("None of the recorded feeds could be replayed.")

    @contextmanager
    def _progress(self, feeds: int) -> Iterator[Callable[[Recording], object]]:
        """A bar on a terminal, else a line now and then."""
        if sys.stderr.isatty():
            with tqdm(total=feeds, unit="feed", file=sys.stderr) as bar:
                yield lambda _: bar.update()
            return
        played = count(1)

        def say(recording: Recording) -> None:
            if (n := next(played)) % LINE_EVERY == 0:
                self.stderr.write(
                    f"{n:,} of {feeds:,} feeds, {recording.feed_at:%Y-%m-%d %H:%M:%S}Z",
                    style_func=str,
                )

        yield say


def _speed(text: str) -> float:
    speed = float(text)
    if not (math.isfinite(speed) and 0 <= speed <= FASTEST):
        raise ArgumentTypeError(f"must be from 0 to {FASTEST:,}, not {text}")
    return speed


@contextmanager
def _told_to_stop() -> Iterator[Event]:
    """An event that SIGTERM and Ctrl-C set."""
    stop = Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lines(found: Catalogue, done: Replay) -> Iterator[str]:
    """What came of it, for people."""
    yield (
        f"{done.taken:,} of {len(found.recordings):,} feeds taken, "
        f"{done.skipped:,} stored before or older, "
        f"{len(found.unreadable) + len(done.unreadable):,} files unreadable, "
        f"{len(found.unused):,} files of transceivers unused"
    )
    for path in found.unused:
        yield f"  no feed within a minute after it: {path}"
    if done.first_at and done.last_at:
        yield f"from {done.first_at:%Y-%m-%d %H:%M:%S}Z to {done.last_at:%Y-%m-%d %H:%M:%S}Z:"
        yield from _summary(summarise(done.first_at, done.last_at))


def _summary(summary: Summary) -> Iterator[str]:
    yield (
        f"  feeds: {summary.stored:,} stored, {summary.dropped:,} dropped as implausible, "
        f"{summary.rejected:,} rejected"
    )
    yield (
        f"  new: {summary.flights:,} flights, {summary.sessions:,} sessions, "
        f"{summary.positions:,} positions"
    )
    if summary.held:
        yield f"  {summary.held:,} feeds are held until later ones show whether they can be true"
    if summary.bad_transceivers:
        yield f"  {summary.bad_transceivers:,} feeds whose transceivers could not be read"
    for reason, n in summary.rejected_records.most_common():
        yield f"  {n:,} records rejected, {reason}"
