"""Which records of successive feeds are the same controller's session.

A session is (callsign, cid); its `logon_time`s are its connections. What it looked like is kept
as *states*: uninterrupted runs of feeds in which nothing about it changed. Stations that
broadcast an ATIS are sessions too.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.callsigns import is_position, is_voice_frequency
from collector.identity import UNOBSERVED, UNSEEN
from collector.records import Atis, Controller, Key
from collector.rules import Rules

ACTIVE, PENDING, OBSERVER, BROADCAST = "active", "pending", "observer", "broadcast"


@dataclass(slots=True, eq=False)
class OpenSession:
    """A session that has not ended, as of the newest feed.

    `tuned_at` is the feed since which it is on its frequency, `active_at` the first feed in which
    it was active.
    """

    cid: int
    callsign: str
    is_atis: bool
    first_seen_at: datetime
    last_seen_at: datetime
    tuned_at: datetime
    name: str
    frequency: str
    facility: int
    rating: int
    server: str
    visual_range: int
    text_atis: list[str] | None
    atis_code: str | None
    logon_time: datetime
    id: int = 0
    status: str = ""
    active_at: datetime | None = None
    missing: bool = False
    unseen_s: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What stands for it in a feed."""
        return self.cid, self.callsign


@dataclass(slots=True)
class SessionChanges:
    """What one feed changed; see `FlightChanges`.

    `left` and `came` are states that ended, with the last feed that showed them, and began.
    """

    opened: list[OpenSession] = field(default_factory=list)
    changed: dict[int, OpenSession] = field(default_factory=dict)
    ended: list[tuple[OpenSession, str]] = field(default_factory=list)
    left: list[tuple[OpenSession, datetime]] = field(default_factory=list)
    came: list[OpenSession] = field(default_factory=list)
    retuned: list[tuple[OpenSession, str]] = field(default_factory=list)  # with the old frequency


# What a record says of a session, one to one.
_STATE = ("name", "frequency", "facility", "rating", "server", "visual_range", "logon_time")


class Sessions:
    """The open sessions of controllers or of ATIS stations, moved on feed by feed."""

    def __init__(
        self, rules: Rules, feed_at: datetime | None = None, sessions: Iterable[OpenSession] = ()
    ) -> None:
        self.rules = rules
        self.feed_at = feed_at
        self.open: dict[Key, OpenSession] = {session.key: session for session in sessions}

    def advance(
        self,
        feed_at: datetime,
        stations: Mapping[Key, Controller],
        extras: Callable[[Controller], dict[str, Any]] | None = None,
    ) -> SessionChanges:
        """Apply the stations of the next feed; `extras` gives a record's unknown keys."""
        gap_s = (feed_at - self.feed_at).total_seconds() if self.feed_at else 0.0
        changes = SessionChanges()
        if gap_s > self.rules.gap_break_s:
            for unobserved in list(self.open.values()):
                self._end(unobserved, UNOBSERVED, changes)
        step_s = min(gap_s, self.rules.unseen_step_s)
        self._count_unseen(self.open.keys() - stations.keys(), step_s, changes)
        for key, station in stations.items():
            session = self.open.get(key)
            if session and self._is_over(session, station):
                self._end(session, UNSEEN, changes)
                session = None
            if session:
                self._continue(session, station, feed_at, changes)
            else:
                session = self._open_one(station, feed_at, changes)
            extra = extras(station) if extras else {}
            if extra != session.extra:
                session.extra = extra
                changes.changed[id(session)] = session
        self.feed_at = feed_at
        return changes

    def _count_unseen(self, keys: Collection[Key], step_s: float, changes: SessionChanges) -> None:
        for key in sorted(keys):
            session = self.open[key]
            if not session.missing:
                self._leave(session, changes)
            session.unseen_s = round(session.unseen_s + step_s, 3)
            if session.unseen_s > self.rules.unseen_end_s:
                self._end(session, UNSEEN, changes)

    def _leave(self, session: OpenSession, changes: SessionChanges) -> None:
        session.missing = True
        changes.left.append((session, session.last_seen_at))
        changes.changed[id(session)] = session

    def _end(self, session: OpenSession, reason: str, changes: SessionChanges) -> None:
        if not session.missing:
            self._leave(session, changes)
        changes.ended.append((session, reason))
        changes.changed[id(session)] = session
        del self.open[session.key]

    def _is_over(self, session: OpenSession, station: Controller) -> bool:
        """Whether a returning station is too late, with a new logon, to be the same session."""
        is_new_logon = station.logon_time != session.logon_time
        return is_new_logon and session.unseen_s > self.rules.session_unseen_s

    def _continue(
        self,
        session: OpenSession,
        station: Controller,
        feed_at: datetime,
        changes: SessionChanges,
    ) -> None:
        old = _looks_of(session)
        if station.frequency != session.frequency:
            changes.retuned.append((session, session.frequency))
            session.tuned_at = feed_at
        for name in _STATE:
            setattr(session, name, getattr(station, name))
        session.atis_code, session.text_atis = _broadcast(session, station)
        self._set_status(session, feed_at)
        if session.missing or _looks_of(session) != old:
            if not session.missing:
                self._leave(session, changes)
            session.missing = False
            session.unseen_s = 0.0
            changes.came.append(session)
            changes.changed[id(session)] = session
        session.last_seen_at = feed_at

    def _open_one(
        self, station: Controller, feed_at: datetime, changes: SessionChanges
    ) -> OpenSession:
        session = OpenSession(
            cid=station.cid,
            callsign=station.callsign,
            is_atis=isinstance(station, Atis),
            first_seen_at=feed_at,
            last_seen_at=feed_at,
            tuned_at=feed_at,
            text_atis=station.text_atis,
            atis_code=getattr(station, "atis_code", None),
            **{name: getattr(station, name) for name in _STATE},
        )
        self._set_status(session, feed_at)
        self.open[session.key] = session
        changes.opened.append(session)
        changes.came.append(session)
        return session

    def _set_status(self, session: OpenSession, feed_at: datetime) -> None:
        session.status = self._status_of(session, feed_at)
        if session.status == ACTIVE:
            session.active_at = session.active_at or feed_at

    def _status_of(self, session: OpenSession, feed_at: datetime) -> str:
        if session.is_atis:
            return BROADCAST
        if not is_position(session.callsign, session.facility):
            return OBSERVER
        if is_voice_frequency(session.frequency):
            return ACTIVE
        waited_s = (feed_at - session.tuned_at).total_seconds()
        return PENDING if waited_s <= self.rules.pending_s else OBSERVER


def _broadcast(session: OpenSession, station: Controller) -> tuple[str | None, list[str] | None]:
    """Code and text: an ATIS that flickers to null keeps what it had."""
    if not isinstance(station, Atis):
        return None, station.text_atis
    return station.atis_code or session.atis_code, station.text_atis or session.text_atis


def _looks_of(session: OpenSession) -> tuple[object, ...]:
    looks = tuple(getattr(session, name) for name in _STATE)
    return (*looks, session.text_atis, session.atis_code, session.status)
