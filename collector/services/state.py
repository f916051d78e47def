"""What the flush carries from feed to feed, and how it is read back out of PostgreSQL."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from math import isnan
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery

from collector.identity import Flights, OpenFlight, StoredFix
from collector.models import (
    ControllerSession,
    Flight,
    Poll,
    Prefile,
    Presence,
    Reference,
    Tuning,
)
from collector.models.base import PlanFields
from collector.plans import Plan
from collector.prefiles import OpenPrefile, Prefiles
from collector.rules import Rules
from collector.sessions import OpenSession, Sessions
from collector.tracks import Track, read_positions_at, read_track
from collector.tunings import Tuning as OpenTuning
from collector.tunings import Tunings


@dataclass(slots=True)
class NetworkState:
    """Everything open as of the newest accepted feed, None before the first.

    `accepted` are the times and numbers of pilots of the feeds that plausibility is judged by.
    """

    feed_at: datetime | None
    flights: Flights
    controllers: Sessions
    atis: Sessions
    prefiles: Prefiles
    tunings: Tunings
    accepted: list[tuple[datetime, int]]
    references: dict[str, Any] = field(default_factory=dict)

    def accept(self, feed_at: datetime, pilots: int) -> None:
        """Note that a feed is stored."""
        oldest = feed_at - timedelta(seconds=self.flights.rules.quarantine_window_s)
        self.accepted = [pair for pair in self.accepted if pair[0] >= oldest]
        self.accepted.append((feed_at, pilots))
        self.feed_at = feed_at


def load_state() -> NetworkState:
    """The state as the newest committed feed left it."""
    rules: Rules = settings.RULES
    accepted = Poll.objects.accepted()
    feed_at = accepted.values_list("feed_at", flat=True).first()
    if feed_at is None:
        empty = (Flights(rules), Sessions(rules), Sessions(rules), Prefiles(), Tunings(rules))
        return NetworkState(None, *empty, accepted=[])
    oldest = feed_at - timedelta(seconds=rules.quarantine_window_s)
    unseen_s = _unseen_since(feed_at, rules)
    tuned_at = accepted.filter(has_transceivers=True).values_list("feed_at", flat=True).first()
    return NetworkState(
        feed_at=feed_at,
        flights=Flights(rules, feed_at, _open_flights(feed_at, unseen_s)),
        controllers=Sessions(rules, feed_at, _open_sessions(feed_at, unseen_s, is_atis=False)),
        atis=Sessions(rules, feed_at, _open_sessions(feed_at, unseen_s, is_atis=True)),
        prefiles=Prefiles(_open_prefiles(feed_at)),
        tunings=Tunings(rules, tuned_at, _open_tunings()),
        accepted=_baseline(accepted.filter(feed_at__gte=oldest).order_by("feed_at")),
        references=dict(Reference.objects.values_list("name", "entries")),
    )


def _baseline(polls: Iterable[Poll]) -> list[tuple[datetime, int]]:
    """What plausibility is judged by: the feeds since the network last changed for good."""
    pairs: list[tuple[datetime, int]] = []
    for poll in polls:
        if poll.reason:
            pairs = []
        pairs.append((poll.feed_at, poll.pilots or 0))
    return pairs


def _unseen_since(feed_at: datetime, rules: Rules) -> Callable[[datetime], float]:
    """Tells how much unseen time has passed since a feed, as the identity rules count it."""
    # A feed adds at most one step, and may have come a whole gap after the one before.
    longest_s = rules.unseen_end_s / rules.unseen_step_s * rules.gap_break_s
    oldest = feed_at - timedelta(seconds=longest_s)
    feeds = list(
        Poll.objects.accepted()
        .filter(feed_at__gte=oldest)
        .order_by("feed_at")
        .values_list("feed_at", flat=True)
    )
    steps = (min((b - a).total_seconds(), rules.unseen_step_s) for a, b in pairwise(feeds))
    counted = list(accumulate(steps, initial=0.0))
    return lambda seen_at: round(counted[-1] - counted[bisect_right(feeds, seen_at) - 1], 3)


def _open_flights(feed_at: datetime, unseen_s: Callable[[datetime], float]) -> list[OpenFlight]:
    rows = Flight.objects.open().select_related("plan").annotate(plan_logon_time=_PLAN_LOGON_TIME)
    flights = {row.pk: _open_flight(row, feed_at, unseen_s) for row in rows.iterator(5000)}
    present = [flight.id for flight in flights.values() if not flight.missing]
    track = read_positions_at(feed_at, present)
    for i, flight_id in enumerate(track.flight_id.tolist()):
        _put(flights[flight_id], track, i)
    for flight in flights.values():
        # Its record has stood still for longer than positions are looked for by feed.
        if not flight.missing and not flight.at_ms and flight.first_latitude is not None:
            whole = read_track(flight.id, flight.first_seen_at, feed_at)
            if len(whole):
                _put(flight, whole, len(whole) - 1)
    return list(flights.values())


def _put(flight: OpenFlight, track: Track, i: int) -> None:
    """Put a flight where the `i`th position of a track is."""
    altitude, groundspeed = float(track.altitude[i]), float(track.groundspeed[i])
    flight.at_ms = int(track.at_ms[i])
    flight.fix = StoredFix(
        latitude=float(track.latitude[i]),
        longitude=float(track.longitude[i]),
        altitude=None if isnan(altitude) else round(altitude),
        groundspeed=None if isnan(groundspeed) else round(groundspeed),
    )


# The connection during which the plan that holds was filed.
_PLAN_LOGON_TIME = Subquery(
    Presence.objects.filter(flight=OuterRef("pk"), since_at__lte=OuterRef("plan__feed_at"))
    .order_by("-since_at")
    .values("logon_time")[:1]
)
# Columns that a flight's row and its place in memory share by name.
FLIGHT_COLUMNS = (
    "id", "cid", "callsign", "first_seen_at", "name", "server", "pilot_rating",
    "military_rating", "transponder", "logon_time", "plan_id", "diverted_from", "continues_id",
    "first_latitude", "first_longitude", "ground_altitude", "moved", "flown", "landed", "extra",
)  # fmt: skip
# Columns of a missing flight that hold its fix, and the values of it that they hold.
LAST_FIX_COLUMNS = {
    "last_latitude": "latitude",
    "last_longitude": "longitude",
    "last_altitude": "altitude",
    "last_groundspeed": "groundspeed",
}
SESSION_COLUMNS = (
    "id", "cid", "callsign", "is_atis", "first_seen_at", "name", "frequency", "facility",
    "rating", "server", "visual_range", "text_atis", "atis_code", "logon_time", "tuned_at",
    "status", "active_at", "extra",
)  # fmt: skip
PERIOD_COLUMNS = (
    "name", "frequency", "facility", "rating", "server", "visual_range", "text_atis", "atis_code",
    "logon_time", "status",
)  # fmt: skip
PREFILE_COLUMNS = ("id", "cid", "callsign", "name", "last_updated", "first_seen_at")
TUNING_COLUMNS = (
    "id", "callsign", "radio", "frequency", "latitude", "longitude", "height_msl_m",
    "height_agl_m", "since_at", "until_at",
)  # fmt: skip


def _open_flight(
    row: Flight, feed_at: datetime, unseen_s: Callable[[datetime], float]
) -> OpenFlight:
    flight = OpenFlight(
        **{name: getattr(row, name) for name in FLIGHT_COLUMNS},
        last_seen_at=row.last_seen_at or feed_at,
        plan=_plan(row.plan) if row.plan else None,
        plan_logon_time=row.plan_logon_time,  # type: ignore[attr-defined] # annotated
        missing=row.last_seen_at is not None,
        unseen_s=unseen_s(row.last_seen_at) if row.last_seen_at else 0.0,
    )
    if flight.missing:
        flight.at_ms = row.last_at_ms or 0
        flight.fix = StoredFix(**{v: getattr(row, name) for name, v in LAST_FIX_COLUMNS.items()})
    return flight


def _plan(row: PlanFields) -> Plan:
    return Plan(**{name: getattr(row, name) for name in Plan.__struct_fields__})


def _open_sessions(
    feed_at: datetime, unseen_s: Callable[[datetime], float], *, is_atis: bool
) -> list[OpenSession]:
    return [
        OpenSession(
            **{name: getattr(row, name) for name in SESSION_COLUMNS},
            last_seen_at=row.last_seen_at or feed_at,
            missing=row.last_seen_at is not None,
            unseen_s=unseen_s(row.last_seen_at) if row.last_seen_at else 0.0,
        )
        for row in ControllerSession.objects.open().filter(is_atis=is_atis)
    ]


def _open_prefiles(feed_at: datetime) -> list[OpenPrefile]:
    return [
        OpenPrefile(
            **{name: getattr(row, name) for name in PREFILE_COLUMNS},
            plan=_plan(row),
            last_seen_at=feed_at,
        )
        for row in Prefile.objects.filter(last_seen_at__isnull=True)
    ]


def _open_tunings() -> list[OpenTuning]:
    rows = Tuning.objects.filter(until_at__isnull=True)
    return [OpenTuning(**values) for values in rows.values(*TUNING_COLUMNS)]
