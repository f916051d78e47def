"""What the flush carries from feed to feed, and how it is read back out of PostgreSQL."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

from django.conf import settings

from collector.identity import Flights, OpenFlight, epoch_ms
from collector.models import ControllerSession, Flight, Poll, Prefile, Reference, Tuning
from collector.models.base import PlanFields
from collector.plans import Plan
from collector.positions import rebuild_states
from collector.prefiles import OpenPrefile, Prefiles
from collector.rules import Rules
from collector.sessions import OpenSession, Sessions
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
    accepted = Poll.objects.filter(outcome=Poll.Outcome.ACCEPTED)
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
        accepted=list(accepted.filter(feed_at__gte=oldest).values_list("feed_at", "pilots")[::-1]),
        references=dict(Reference.objects.values_list("name", "entries")),
    )


def _unseen_since(feed_at: datetime, rules: Rules) -> Callable[[datetime], float]:
    """Tells how much unseen time has passed since a feed, as the identity rules count it."""
    oldest = feed_at - timedelta(seconds=rules.unseen_end_s + rules.gap_break_s) * 2
    feeds = list(
        Poll.objects.filter(outcome=Poll.Outcome.ACCEPTED, feed_at__gte=oldest)
        .order_by("feed_at")
        .values_list("feed_at", flat=True)
    )
    steps = (min((b - a).total_seconds(), rules.unseen_step_s) for a, b in pairwise(feeds))
    counted = list(accumulate(steps, initial=0.0))
    return lambda seen_at: counted[-1] - counted[bisect_right(feeds, seen_at) - 1]


def _open_flights(
    feed_at: datetime, unseen_s: Callable[[datetime], float]
) -> list[OpenFlight]:
    flights = Flight.objects.open()
    if flights.filter(first_latitude__isnull=False, state__isnull=True).exists():
        rebuild_states()
    return [
        _open_flight(row, feed_at, unseen_s)
        for row in flights.select_related("plan", "state").iterator(5000)
    ]


# Columns that a flight's row and its place in memory share by name.
FLIGHT_COLUMNS = (
    "id", "cid", "callsign", "first_seen_at", "name", "server", "pilot_rating",
    "military_rating", "transponder", "logon_time", "plan_id", "diverted_from", "continues_id",
    "first_latitude", "first_longitude", "ground_altitude", "moved", "flown", "landed", "extra",
)  # fmt: skip
SESSION_COLUMNS = (
    "id", "cid", "callsign", "is_atis", "first_seen_at", "name", "frequency", "facility",
    "rating", "server", "visual_range", "text_atis", "atis_code", "logon_time", "tuned_at",
    "status", "active_at", "extra",
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
        missing=row.last_seen_at is not None,
        unseen_s=unseen_s(row.last_seen_at) if row.last_seen_at else 0.0,
    )
    if hasattr(row, "state"):
        state = row.state
        flight.at_ms = epoch_ms(state.at)
        flight.latitude, flight.longitude = state.latitude, state.longitude
        flight.altitude, flight.groundspeed = state.altitude, state.groundspeed
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
            last_updated=row.state.last_updated if hasattr(row, "state") else feed_at,
            missing=row.last_seen_at is not None,
            unseen_s=unseen_s(row.last_seen_at) if row.last_seen_at else 0.0,
        )
        for row in ControllerSession.objects.open()
        .filter(is_atis=is_atis)
        .select_related("state")
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
