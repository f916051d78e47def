"""Which records of successive feeds are the same flight.

A *flight* is (cid, callsign) and a lineage of plans; a *connection* is (cid, logon_time). What a
flight does between connects and disconnects is kept as *presences*: uninterrupted runs of feeds
that had it, under one `logon_time` and one transponder code.

`Flights` holds the open flights between feeds. Feeds enter in the order of their own times; the
same feeds give the same changes, whatever was restarted in between, since everything that decides
is stored with the flight or follows from stored positions.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import floor
from typing import Any, Protocol

from msgspec import Raw

from collector.distance import distance_nm
from collector.plans import Plan, PlanRejected, parse_plan
from collector.records import Key, Pilot
from collector.rules import Rules

UNSEEN, REPLACED, UNOBSERVED = "unseen", "replaced", "unobserved"


@dataclass(frozen=True, slots=True)
class StoredFix:
    """Where a flight was: degrees, feet, knots, inches of mercury; stands for its `Pilot` record.

    Read back from PostgreSQL, it has only what decides about the records to come.
    """

    latitude: float | None = None
    longitude: float | None = None
    altitude: int | None = None
    groundspeed: int | None = None
    heading: int | None = None
    qnh_i_hg: float | None = None


NOWHERE = StoredFix()
# A raw plan is a view into its feed's whole body, which a record that is kept would keep alive.
_LOOKED_AT = Raw(b"null")


@dataclass(slots=True, eq=False)
class OpenFlight:
    """A flight that has not ended, as of the newest feed.

    `last_seen_at` is the newest feed that had it; `missing` says that the newest feed of all did
    not. `fix` is its newest position, with its own time `at_ms` (epoch ms), and `NOWHERE` until a
    believable one came. `ground_altitude` is where it last stood, in feet.
    """

    cid: int
    callsign: str
    first_seen_at: datetime
    last_seen_at: datetime
    name: str
    server: str
    pilot_rating: int
    military_rating: int | None
    transponder: str | None
    logon_time: datetime
    id: int = 0
    plan_id: int | None = None
    plan: Plan | None = None
    plan_json: Raw | None = None  # None: not known to be that of `plan`
    plan_logon_time: datetime | None = None  # of the connection that filed `plan`
    diverted_from: str = ""
    continues_id: int | None = None
    missing: bool = False
    unseen_s: float = 0.0
    at_ms: int = 0
    # The whole record rather than copies of its values: what a feed allocated is then freed
    # together. Values that outlive their records leave holes, which made the next feed's parsing
    # take twice as long.
    fix: Pilot | StoredFix = NOWHERE
    first_latitude: float | None = None
    first_longitude: float | None = None
    ground_altitude: int | None = None
    moved: bool = False
    flown: bool = False
    landed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What stands for it in a feed."""
        return self.cid, self.callsign

    @property
    def airborne(self) -> bool:
        """Whether it has taken off and not landed since."""
        return self.flown and not self.landed


@dataclass(frozen=True, slots=True)
class EarlierFlight:
    """A flight that a newcomer may continue, with the place where it was last seen."""

    id: int
    cid: int
    departure: str
    arrival: str
    last_seen_at: datetime
    latitude: float
    longitude: float


@dataclass(slots=True)
class FlightChanges:
    """What one feed changed, in the order in which it must be written.

    `changed` are flights whose own row differs (opened ones may be among them); `left` are
    presences that ended, with the last feed that had them, `came` those that this feed began;
    `positions` are the flights that have a new position; `bound` flights had a prefile.
    """

    opened: list[OpenFlight] = field(default_factory=list)
    changed: dict[int, OpenFlight] = field(default_factory=dict)
    ended: list[tuple[OpenFlight, str]] = field(default_factory=list)
    left: list[tuple[OpenFlight, datetime]] = field(default_factory=list)
    came: list[OpenFlight] = field(default_factory=list)
    plans: list[tuple[OpenFlight, Plan]] = field(default_factory=list)
    positions: list[OpenFlight] = field(default_factory=list)
    rejected_plans: list[tuple[str, bytes]] = field(default_factory=list)
    bound: list[OpenFlight] = field(default_factory=list)


class History(Protocol):
    """What is stored of flights, as of the feed before."""

    def earlier_flights(self, cids: Collection[int], since: datetime) -> Iterable[EarlierFlight]:
        """The flights of members that have left, and were seen since a time."""

    def top_speed_kt(self, flight_id: int, until: datetime) -> float:
        """The fastest speed that a flight's positions imply in the ten minutes before a time."""


class Flights:
    """The open flights, moved on feed by feed with `advance`."""

    def __init__(
        self, rules: Rules, feed_at: datetime | None = None, flights: Iterable[OpenFlight] = ()
    ) -> None:
        self.rules = rules
        self.feed_at = feed_at
        self.open: dict[Key, OpenFlight] = {flight.key: flight for flight in flights}

    def advance(
        self,
        feed_at: datetime,
        pilots: Mapping[Key, Pilot],
        prefiled: Mapping[Key, Plan],
        history: History,
        extras: Callable[[Pilot], dict[str, Any]] | None = None,
    ) -> FlightChanges:
        """Apply the pilots of the next feed; their raw plans are forgotten.

        `prefiled` are the plans that wait for a pilot; `extras` gives the values of a record's
        keys that nobody knew, where there are any.
        """
        step = _Step(self, feed_at, prefiled, history, extras)
        step.run(pilots)
        self.feed_at = feed_at
        return step.changes


class _Step:
    """One feed applied to the open flights."""

    def __init__(
        self,
        flights: Flights,
        feed_at: datetime,
        prefiled: Mapping[Key, Plan],
        history: History,
        extras: Callable[[Pilot], dict[str, Any]] | None,
    ) -> None:
        self.rules = flights.rules
        self.open = flights.open
        self.feed_at = feed_at
        self.prefiled = prefiled
        self.history = history
        self.extras = extras
        self.gap_s = (feed_at - flights.feed_at).total_seconds() if flights.feed_at else 0.0
        self.changes = FlightChanges()

    def run(self, pilots: Mapping[Key, Pilot]) -> None:
        if self.gap_s > self.rules.gap_break_s:
            for unobserved in list(self.open.values()):
                self._end(unobserved, UNOBSERVED)
        self._count_unseen(self.open.keys() - pilots.keys())
        newcomers = []
        for key, pilot in pilots.items():
            flight = self.open.get(key)
            if flight is None or not self._continue(flight, pilot):
                newcomers.append(pilot)
        if newcomers:
            self._open_all(newcomers)

    # --- Flights that the feed does not have ----------------------------------------------------

    def _count_unseen(self, keys: Collection[Key]) -> None:
        step_s = min(self.gap_s, self.rules.unseen_step_s)
        for key in sorted(keys):
            flight = self.open[key]
            if not flight.missing:
                self._leave(flight)
            # In whole milliseconds, so that it is the same however it is summed up.
            flight.unseen_s = round(flight.unseen_s + step_s, 3)
            if flight.unseen_s > self.rules.unseen_end_s:
                self._end(flight, UNSEEN)

    def _leave(self, flight: OpenFlight) -> None:
        flight.missing = True
        self.changes.left.append((flight, flight.last_seen_at))
        self._changed(flight)

    def _end(self, flight: OpenFlight, reason: str) -> None:
        if not flight.missing:
            self._leave(flight)
        self.changes.ended.append((flight, reason))
        self._changed(flight)
        del self.open[flight.key]

    def _changed(self, flight: OpenFlight) -> None:
        self.changes.changed[id(flight)] = flight

    # --- Flights that it has again --------------------------------------------------------------

    def _continue(self, flight: OpenFlight, pilot: Pilot) -> bool:
        """Whether `pilot` is this flight; if not, the flight has been ended."""
        same_logon = pilot.logon_time == flight.logon_time
        if (
            not flight.missing
            and same_logon
            and pilot.flight_plan == flight.plan_json
            and pilot.transponder == flight.transponder
        ) or self._take_up(flight, pilot, same_logon):
            flight.last_seen_at = self.feed_at
            self._update(flight, pilot)
            return True
        return False

    def _take_up(self, flight: OpenFlight, pilot: Pilot, same_logon: bool) -> bool:
        """Continue a flight whose record says something new, if it is the same flight."""
        plan = flight.plan
        if not same_logon or pilot.flight_plan != flight.plan_json:
            plan = self._plan_of(flight, pilot)
        returns = flight.missing or not same_logon
        if returns and (reason := self._ends_before(flight, pilot, plan, same_logon)):
            self._end(flight, reason)
            return False
        if plan is not flight.plan:
            if flight.plan and plan and _is_another_journey(flight, flight.plan, plan):
                self._end(flight, REPLACED)
                return False
            self._amend(flight, plan, pilot)
        if returns or pilot.transponder != flight.transponder:
            self._come_back(flight, pilot)
        return True

    def _ends_before(
        self, flight: OpenFlight, pilot: Pilot, plan: Plan | None, same_logon: bool
    ) -> str:
        """Why a returning pilot is not this flight, or an empty string."""
        is_doubtful = self.gap_s > self.rules.gap_doubt_s and not same_logon
        if is_doubtful and not self._continued_by(pilot, plan, _as_earlier(flight)):
            return UNOBSERVED
        if not flight.flown and self._distance(flight, pilot) > self.rules.reappear_nm:
            return REPLACED
        return ""

    def _distance(self, flight: OpenFlight, pilot: Pilot) -> float:
        """Nautical miles between a flight's last place and a record; 0 if either is unknown."""
        fix = flight.fix
        if fix.latitude is None or fix.longitude is None:
            return 0.0
        if pilot.latitude is None or pilot.longitude is None:
            return 0.0
        return distance_nm(fix.latitude, fix.longitude, pilot.latitude, pilot.longitude)

    def _come_back(self, flight: OpenFlight, pilot: Pilot) -> None:
        if not flight.missing:
            self._leave(flight)
        flight.missing = False
        flight.unseen_s = 0.0
        flight.logon_time, flight.transponder = pilot.logon_time, pilot.transponder
        self.changes.came.append(flight)
        self._changed(flight)

    # --- Plans ----------------------------------------------------------------------------------

    def _plan_of(self, flight: OpenFlight, pilot: Pilot) -> Plan | None:
        """The plan that holds with this record: a new one, or the flight's own if none is news.

        Revisions are numbered within a connection.
        """
        try:
            plan = parse_plan(bytes(pilot.flight_plan))
        except PlanRejected as error:
            self.changes.rejected_plans.append((str(error), bytes(pilot.flight_plan)))
            flight.plan_json = None
            return flight.plan
        flight.plan_json = pilot.flight_plan.copy()
        if plan is None or flight.plan is None:
            return plan or flight.plan
        same_logon = pilot.logon_time == flight.plan_logon_time
        is_old = (plan.revision_id or 0) < (flight.plan.revision_id or 0)
        if (same_logon and is_old) or not plan.differs_from(flight.plan):
            return flight.plan
        return plan

    def _amend(self, flight: OpenFlight, plan: Plan | None, pilot: Pilot) -> None:
        if plan is None:
            return
        if flight.airborne and flight.plan and plan.arrival != flight.plan.arrival:
            if plan.arrival == flight.diverted_from:
                flight.diverted_from = ""
            elif plan.departure == flight.plan.departure:
                flight.diverted_from = flight.diverted_from or flight.plan.arrival
        flight.plan, flight.plan_logon_time = plan, pilot.logon_time
        self.changes.plans.append((flight, plan))
        self._changed(flight)

    # --- What a record says of its flight -------------------------------------------------------

    def _update(self, flight: OpenFlight, pilot: Pilot) -> None:
        if (
            pilot.name != flight.name
            or pilot.server != flight.server
            or pilot.pilot_rating != flight.pilot_rating
            or pilot.military_rating != flight.military_rating
        ):
            flight.name, flight.server = pilot.name, pilot.server
            flight.pilot_rating, flight.military_rating = pilot.pilot_rating, pilot.military_rating
            self._changed(flight)
        if self.extras or flight.extra:
            extra = self.extras(pilot) if self.extras else {}
            if extra != flight.extra:
                flight.extra = extra
                self._changed(flight)
        at_ms = epoch_ms(pilot.last_updated)
        if pilot.latitude is not None and at_ms > flight.at_ms:
            self._move(flight, pilot)
            flight.at_ms, flight.fix = at_ms, pilot
            pilot.flight_plan = _LOOKED_AT
            self.changes.positions.append(flight)

    def _move(self, flight: OpenFlight, pilot: Pilot) -> None:
        """Learn from a new position whether the flight moved, flew or landed."""
        if not flight.moved:
            self._look_whether_moved(flight, pilot)
        speed, altitude = pilot.groundspeed, pilot.altitude
        if speed is None:
            return
        slow = speed < self.rules.slow_kt
        if flight.flown and not flight.landed:
            if slow and altitude is not None and self._has_landed(flight, altitude):
                flight.landed, flight.ground_altitude = True, altitude
                self._changed(flight)
        elif self._is_flying(flight, altitude, speed, slow):
            flight.flown, flight.landed = True, False
            self._changed(flight)
        elif slow and altitude is not None and flight.ground_altitude is None:
            flight.ground_altitude = altitude
            self._changed(flight)

    def _look_whether_moved(self, flight: OpenFlight, pilot: Pilot) -> None:
        if flight.first_latitude is None:
            flight.first_latitude, flight.first_longitude = pilot.latitude, pilot.longitude
            self._changed(flight)
        elif (pilot.latitude, pilot.longitude) != (flight.fix.latitude, flight.fix.longitude):
            flight.moved = self._is_far_from_start(flight, pilot)
            if flight.moved:
                self._changed(flight)

    def _is_far_from_start(self, flight: OpenFlight, pilot: Pilot) -> bool:
        start = flight.first_latitude, flight.first_longitude
        here = pilot.latitude, pilot.longitude
        return distance_nm(*start, *here) > self.rules.moved_nm  # type: ignore[arg-type]

    def _has_landed(self, flight: OpenFlight, altitude: int) -> bool:
        """Whether the position before was slow too, and as high."""
        before, speed = flight.fix.altitude, flight.fix.groundspeed
        if before is None or speed is None or speed >= self.rules.slow_kt:
            return False
        return abs(altitude - before) <= self.rules.landed_level_ft

    def _is_flying(self, flight: OpenFlight, altitude: int | None, speed: int, slow: bool) -> bool:
        if altitude is None or flight.ground_altitude is None:
            return speed >= self.rules.first_seen_flying_kt
        height = altitude - flight.ground_altitude
        return height > (self.rules.hover_ft if slow else self.rules.airborne_ft)

    # --- Flights that are new -------------------------------------------------------------------

    def _open_all(self, newcomers: list[Pilot]) -> None:
        cids = {pilot.cid for pilot in newcomers}
        earlier: dict[int, list[EarlierFlight]] = {}
        present = {
            flight.id for flight in self.open.values() if flight.cid in cids and not flight.missing
        }
        for candidate in self._earlier_flights(cids):
            if candidate.id not in present:
                earlier.setdefault(candidate.cid, []).append(candidate)
        for pilot in newcomers:
            self._open_one(pilot, earlier.get(pilot.cid, []))

    def _earlier_flights(self, cids: Collection[int]) -> Iterator[EarlierFlight]:
        """The flights of members that have left, also those that left with this feed."""
        since = self.feed_at - timedelta(seconds=self.rules.link_age_s)
        yield from self.history.earlier_flights(cids, since)
        replaced = {id(flight) for flight, reason in self.changes.ended if reason == REPLACED}
        for flight, last_seen_at in self.changes.left:
            if flight.cid in cids and id(flight) not in replaced and last_seen_at >= since:
                yield from _as_earlier(flight)

    def _open_one(self, pilot: Pilot, earlier: list[EarlierFlight]) -> None:
        flight = OpenFlight(
            cid=pilot.cid,
            callsign=pilot.callsign,
            first_seen_at=self.feed_at,
            last_seen_at=self.feed_at,
            name=pilot.name,
            server=pilot.server,
            pilot_rating=pilot.pilot_rating,
            military_rating=pilot.military_rating,
            transponder=pilot.transponder,
            logon_time=pilot.logon_time,
        )
        plan = self._plan_of(flight, pilot)
        if flight.key in self.prefiled:
            plan = plan or self.prefiled[flight.key]
            self.changes.bound.append(flight)
        self.open[flight.key] = flight
        self.changes.opened.append(flight)
        self.changes.came.append(flight)
        self._amend(flight, plan, pilot)
        if continued := self._continued_by(pilot, plan, earlier):
            flight.continues_id = continued.id
        self._update(flight, pilot)

    def _continued_by(
        self, pilot: Pilot, plan: Plan | None, earlier: Iterable[EarlierFlight]
    ) -> EarlierFlight | None:
        """The latest of the earlier flights between the same airports that can have got here."""
        if plan is None or not plan.departure or not plan.arrival:
            return None
        ends = plan.departure, plan.arrival
        reachable = [
            candidate
            for candidate in earlier
            if (candidate.departure, candidate.arrival) == ends and self._reaches(candidate, pilot)
        ]
        return max(reachable, key=lambda c: (c.last_seen_at, c.id), default=None)

    def _reaches(self, earlier: EarlierFlight, pilot: Pilot) -> bool:
        if pilot.latitude is None or pilot.longitude is None:
            return False
        hours = (self.feed_at - earlier.last_seen_at).total_seconds() / 3600
        way_nm = distance_nm(earlier.latitude, earlier.longitude, pilot.latitude, pilot.longitude)
        if way_nm <= self._reach_nm(self.rules.link_speed_kt, hours):
            return True
        top_speed_kt = self.history.top_speed_kt(earlier.id, earlier.last_seen_at)
        return way_nm <= self._reach_nm(top_speed_kt, hours)

    def _reach_nm(self, speed_kt: float, hours: float) -> float:
        return self.rules.link_margin * speed_kt * hours + self.rules.link_slack_nm


def _as_earlier(flight: OpenFlight) -> list[EarlierFlight]:
    """The flight where it was last seen, if it has a plan and a place."""
    fix = flight.fix
    if flight.plan is None or fix.latitude is None or fix.longitude is None:
        return []
    ends = flight.plan.departure, flight.plan.arrival
    place = fix.latitude, fix.longitude
    return [EarlierFlight(flight.id, flight.cid, *ends, flight.last_seen_at, *place)]


def _is_another_journey(flight: OpenFlight, old: Plan, new: Plan) -> bool:
    """Whether a changed plan begins a new flight: refiled after landing, or flown on from there."""
    if flight.landed:
        return new.ends != old.ends
    both_changed = new.departure != old.departure and new.arrival != old.arrival
    return flight.flown and both_changed and new.departure == old.arrival


def epoch_ms(at: datetime) -> int:
    """Whole milliseconds since 1970; the small term undoes the rounding of the float."""
    return floor(at.timestamp() * 1000 + 0.0005)
