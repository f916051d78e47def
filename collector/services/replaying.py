"""Sends recorded feeds through the pipeline, with their own times as the clock."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from django.db.models import Sum
from django.utils import timezone

from collector import feed as http
from collector.buffer import FeedBuffer
from collector.models import ControllerSession, Flight, Poll, Source
from collector.models.positions import window_of
from collector.recordings import Recording, Unreadable, read
from collector.services import sources
from collector.services.compacting import compact
from collector.services.flushing import flush
from collector.services.polling import Fetched, Outcome, PollResult, take
from monitoring import runtime

LONGEST_GAP_S = 60.0  # a longer one between two feeds is played as this
TRY_AGAIN_S = 0.5  # while another process flushes, or an operator switched flushing off


@dataclass(slots=True)
class Replay:
    """What became of recordings: taken, skipped as stored before or older, or not readable.

    `first_at` and `last_at` are the times of the first and last feed that was taken.
    """

    taken: int = 0
    skipped: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def note_taken(self, feed_at: datetime) -> None:
        """Count one more."""
        self.taken += 1
        self.first_at = self.first_at or feed_at
        self.last_at = feed_at


class Pace:
    """Says how long to wait before each feed: the gaps as recorded, divided by `speed`.

    Speed 0 never waits. Time that storing a feed took counts as waited.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._last_at: datetime | None = None
        self._due_s = 0.0

    def pause_s(self, feed_at: datetime, now_s: float) -> float:
        """Seconds from `now_s`, of any clock that only goes forward, until a feed is due."""
        gap_s = (feed_at - self._last_at).total_seconds() if self._last_at else 0.0
        self._last_at = feed_at
        if self._speed:
            self._due_s += min(gap_s, LONGEST_GAP_S) / self._speed
        # What is late stays late: a backlog is not made up for in a burst.
        self._due_s = max(self._due_s, now_s)
        return self._due_s - now_s


class _Buffer(FeedBuffer):
    """The buffer, in which a bad recording leaves no trace: it would with each replay."""

    def note_failure(self, at: datetime, reason: str, message: str) -> None:
        """Leave it to the replay's summary."""


def replay(
    recordings: Iterable[Recording],
    speed: float,
    stop: Event,
    on_feed: Callable[[Recording], object],
) -> Replay:
    """Play recordings, which are in the order of their times, until they end or `stop` is set.

    Calls `on_feed` after each. Raises `SourceConflict` if the database is for other data.
    """
    sources.claim(Source.Kind.RECORDED)
    buffer, pace, done = _Buffer(), Pace(speed), Replay()
    buffer.reopen(_newest_stored())
    _flush(buffer, stop)
    newest, window = _newest(buffer), None
    for recording in recordings:
        feed_at = recording.feed_at
        if newest and feed_at <= newest:
            done.skipped += 1
        elif stop.wait(pace.pause_s(feed_at, time.monotonic())):
            break
        elif _play(recording, speed, buffer, done):
            newest = feed_at
            _flush(buffer, stop)
            if window != window_of(feed_at):
                window = window_of(feed_at)
                _compact()
        on_feed(recording)
    return done


def _play(recording: Recording, speed: float, buffer: FeedBuffer, done: Replay) -> bool:
    """Whether the feed was taken; `done` says what became of it."""
    try:
        result = _take(recording, speed, buffer)
    except (OSError, http.FeedError) as error:
        done.unreadable.append(Unreadable(recording.path, str(error)))
        return False
    if result.outcome in (Outcome.TAKEN, Outcome.HELD):
        done.note_taken(recording.feed_at)
        return True
    if result.outcome is Outcome.NOT_NEW:
        done.skipped += 1
    else:
        done.unreadable.append(Unreadable(recording.path, result.reason))
    return False


def _take(recording: Recording, speed: float, buffer: FeedBuffer) -> PollResult:
    at = timezone.now()
    data = read(recording.path, sources.limits())
    transceivers, error = _transceivers(recording)
    fetched = Fetched(data, transceivers, error, at, data.seconds)
    return take(fetched, buffer, Source.Kind.RECORDED, replay_speed=speed)


def _transceivers(recording: Recording) -> tuple[http.Body | None, str]:
    """The transceivers that go with a feed, or what is wrong with their file."""
    if recording.transceivers is None or not runtime.current().collect_transceivers:
        return None, ""
    try:
        return read(recording.transceivers, sources.limits()), ""
    except (OSError, http.FeedError) as error:
        return None, str(error)


def _newest(buffer: FeedBuffer) -> datetime | None:
    """The time of the newest feed that was ever taken."""
    known = (_newest_stored(), buffer.depth().newest_at)
    return max((at for at in known if at), default=None)


def _newest_stored() -> datetime | None:
    return Poll.objects.values_list("feed_at", flat=True).first()


def _flush(buffer: FeedBuffer, stop: Event) -> None:
    """Store all that is not held; while that can't be, wait until it can or `stop` is set."""
    while not runtime.current().flush_enabled or flush(buffer, math.inf).busy:
        if stop.wait(TRY_AGAIN_S):
            return


def _compact() -> None:
    if runtime.current().compaction_enabled:
        compact()


@dataclass(frozen=True, slots=True)
class Summary:
    """What the database holds of the feeds from one time to another.

    `held` feeds are in the buffer until later ones show whether they can be true.
    """

    stored: int
    dropped: int
    rejected: int
    held: int
    flights: int
    sessions: int
    positions: int
    bad_transceivers: int
    rejected_records: Counter[str]


def summarise(since: datetime, until: datetime) -> Summary:
    """Count what became of the feeds from `since` to `until`."""
    polls = Poll.objects.filter(feed_at__range=(since, until))
    outcomes = Counter(polls.order_by().values_list("outcome", flat=True))
    rejected: Counter[str] = Counter()
    for reasons in polls.filter(rejected__gt=0).values_list("rejected_by_reason", flat=True):
        rejected.update(reasons)
    return Summary(
        stored=outcomes[Poll.Outcome.ACCEPTED],
        dropped=outcomes[Poll.Outcome.DROPPED],
        rejected=outcomes[Poll.Outcome.REJECTED],
        held=FeedBuffer().depth().feeds,
        flights=Flight.objects.filter(first_seen_at__range=(since, until)).count(),
        sessions=ControllerSession.objects.filter(first_seen_at__range=(since, until)).count(),
        positions=polls.aggregate(n=Sum("positions"))["n"] or 0,
        bad_transceivers=polls.exclude(transceivers_error="").count(),
        rejected_records=rejected,
    )
