import copy
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from collector.identity import (
    REPLACED,
    UNOBSERVED,
    UNSEEN,
    EarlierFlight,
    FlightChanges,
    Flights,
    OpenFlight,
    epoch_ms,
)
from collector.parsing import parse_feed
from collector.plans import Plan, parse_plan
from collector.records import Key, Pilot
from collector.rules import Rules
from tests.unit.collector.factories import (
    FEED_AT,
    NULL,
    PilotJson,
    PlanJson,
    body,
    feed_json,
    pilot,
)

CID = 9_000_001
RULES = Rules()
# A flight from Frankfurt to London, by what its records say on the way.
AT_GATE = {"latitude": 50.03, "longitude": 8.57, "altitude": 364, "groundspeed": 0}
ALOFT = {"latitude": 50.5, "longitude": 7.5, "altitude": 24_000, "groundspeed": 410}
ON_FINAL = {"latitude": 51.47, "longitude": -0.3, "altitude": 900, "groundspeed": 140}
ARRIVED = {"latitude": 51.47, "longitude": -0.45, "altitude": 83, "groundspeed": 10}
NM = 1 / 60  # in degrees of latitude


def filed(departure: str = "EDDF", arrival: str = "EGLL", **values) -> Raw:
    return Raw(body(PlanJson(departure=departure, arrival=arrival, **values)))


PLAN = filed()
BASE = pilot(cid=CID, callsign="TST1")


def record(*looks: dict[str, object], **values) -> Pilot:
    """The pilot's record with some looks: TST1 with a plan, at the gate in Frankfurt."""
    merged: dict[str, object] = {"flight_plan": PLAN} | AT_GATE
    for look in looks:
        merged |= look
    return msgspec.structs.replace(BASE, **merged | values)


def logon(minutes: float) -> datetime:
    return FEED_AT + timedelta(minutes=minutes)


class Network:
    """Feeds pilots to `Flights`, and keeps of the flights what a database would."""

    def __init__(self, prefiled: dict[Key, Plan] | None = None, speed_kt: float = 0) -> None:
        self.flights = Flights(RULES)
        self.at = FEED_AT - timedelta(seconds=15)
        self.prefiled = prefiled or {}
        self.speed_kt = speed_kt
        self.stored: list[OpenFlight] = []
        self.left: list[EarlierFlight] = []

    def feed(self, *pilots: Pilot, after: float = 15) -> FlightChanges:
        """The next feed. Its records are two seconds old."""
        self.at += timedelta(seconds=after)
        last_updated = self.at - timedelta(seconds=2)
        records = [msgspec.structs.replace(p, last_updated=last_updated) for p in pilots]
        return self.advance(self.at, {(p.cid, p.callsign): p for p in records})

    def advance(self, at: datetime, pilots: dict[Key, Pilot]) -> FlightChanges:
        """Apply a feed, whose records may be used again, and store what it changed."""
        records = {key: msgspec.structs.replace(pilot) for key, pilot in pilots.items()}
        changes = self.flights.advance(at, records, self.prefiled, self)
        for flight in changes.opened:
            flight.id = len(self.stored) + 1
            self.stored.append(flight)
        self.left = [earlier for flight in self.stored for earlier in left(flight)]
        return changes

    def empty_for(self, seconds: float, step: float = 15) -> list[tuple[OpenFlight, str]]:
        """Feeds without anybody; the flights that they ended."""
        ended = []
        for _ in range(round(seconds / step)):
            ended += self.feed(after=step).ended
        return ended

    def earlier_flights(self, cids: Collection[int], since: datetime) -> list[EarlierFlight]:
        return [one for one in self.left if one.cid in cids and one.last_seen_at >= since]

    def top_speed_kt(self, flight_id: int, until: datetime) -> float:
        return self.speed_kt

    @property
    def only(self) -> OpenFlight:
        [flight] = self.flights.open.values()
        return flight

    def fly(self, **values) -> OpenFlight:
        """A flight that took off in Frankfurt, and is in the air."""
        self.feed(record(**values))
        self.feed(record(ALOFT, **values), after=600)
        return self.only

    def land(self, **values) -> OpenFlight:
        """A flight that came to London."""
        self.fly(**values)
        self.feed(record(ON_FINAL, **values), after=3000)
        self.feed(record(ARRIVED, **values), after=120)
        self.feed(record(ARRIVED, **values))
        return self.only


def left(flight: OpenFlight) -> list[EarlierFlight]:
    """What is stored of a flight that the newest feed does not have."""
    if not flight.missing or flight.plan is None or flight.fix.latitude is None:
        return []
    ends = flight.plan.departure, flight.plan.arrival
    place = flight.fix.latitude, flight.fix.longitude
    return [EarlierFlight(flight.id, flight.cid, *ends, flight.last_seen_at, *place)]


def is_quiet(changes: FlightChanges) -> bool:
    """Whether nothing but positions came."""
    return (
        not (changes.opened or changes.ended or changes.left or changes.came or changes.plans)
        and not changes.rejected_plans
    )


# --- Connections --------------------------------------------------------------------------------


def test_a_pilot_who_appears_opens_a_flight():
    network = Network()
    changes = network.feed(record())
    [flight] = changes.opened
    assert changes.came == [flight]
    assert [(f, plan.arrival) for f, plan in changes.plans] == [(flight, "EGLL")]
    assert (flight.cid, flight.callsign, flight.first_seen_at) == (CID, "TST1", FEED_AT)


def test_the_same_record_again_changes_nothing():
    network = Network()
    network.feed(record())
    assert is_quiet(network.feed(record()))


def test_a_new_logon_after_60_s_with_an_older_revision_is_the_same_flight():
    """Scenario 2: one flight, two connections."""
    network = Network()
    cruise = record(ALOFT, flight_plan=filed(revision_id=3))
    [flight] = network.feed(cruise).opened
    network.empty_for(60)
    changes = network.feed(record(ALOFT, flight_plan=filed(revision_id=1), logon_time=logon(1)))
    assert (changes.opened, changes.ended, changes.plans) == ([], [], [])
    assert changes.came == [flight]
    assert flight.logon_time == logon(1)


def test_a_new_logon_between_two_feeds_is_a_new_connection():
    network = Network()
    [flight] = network.feed(record()).opened
    changes = network.feed(record(logon_time=logon(1)))
    assert changes.left == [(flight, FEED_AT)]
    assert (changes.came, changes.opened) == ([flight], [])


def test_another_squawk_is_another_presence():
    network = Network()
    [flight] = network.feed(record()).opened
    changes = network.feed(record(transponder="7700"))
    assert changes.left == [(flight, FEED_AT)]
    assert changes.came == [flight]
    assert flight.transponder == "7700"


def test_one_cid_on_two_callsigns_is_two_flights():
    network = Network()
    assert len(network.feed(record(), record(callsign="TST2")).opened) == 2


def test_one_callsign_of_two_members_is_two_flights():
    network = Network()
    assert len(network.feed(record(), record(cid=CID + 1)).opened) == 2


def test_changes_of_the_members_data_do_not_make_a_flight():
    network = Network()
    [flight] = network.feed(record()).opened
    changed = {"name": "Other", "server": "SERVER2", "pilot_rating": 3, "military_rating": 1}
    changes = network.feed(record(**changed))
    assert is_quiet(changes)
    assert list(changes.changed.values()) == [flight]
    assert {name: getattr(flight, name) for name in changed} == changed


# --- Unseen time --------------------------------------------------------------------------------


def test_unseen_time_counts_at_most_a_minute_a_feed():
    network = Network()
    flight = network.fly()
    for after, unseen_s in ((15, 15), (60, 75), (61, 135), (1800, 195), (0.5, 195.5)):
        network.feed(after=after)
        assert flight.unseen_s == unseen_s


def test_unseen_time_is_exact():
    network = Network()
    flight = network.fly()
    for _ in range(50):
        network.feed(after=15.1)
        network.feed(after=0.003)
    assert flight.unseen_s == 755.15


def test_a_flight_ends_unseen_after_more_than_half_an_hour_where_it_was_last_seen():
    network = Network()
    flight = network.fly()
    last_seen_at = network.at
    assert network.empty_for(1800, step=60) == []
    changes = network.feed(after=1)
    assert changes.ended == [(flight, UNSEEN)]
    assert flight.last_seen_at == last_seen_at
    assert network.flights.open == {}


@pytest.mark.parametrize("again", [{}, {"logon_time": logon(60)}], ids=["same logon", "new logon"])
def test_a_flight_that_returns_within_half_an_hour_continues(again):
    network = Network()
    flight = network.fly()
    last_seen_at = network.at
    assert network.empty_for(1800, step=60) == []
    changes = network.feed(record(ALOFT, **again))
    assert (changes.opened, changes.ended, changes.came) == ([], [], [flight])
    assert flight.unseen_s == 0
    assert last_seen_at < flight.last_seen_at == network.at


def test_unseen_time_starts_again_after_each_return():
    network = Network()
    network.fly()
    for _ in range(3):
        assert network.empty_for(1200, step=60) == []
        assert network.feed(record(ALOFT)).opened == []


def test_a_presence_ends_with_the_last_feed_that_had_it():
    network = Network()
    flight = network.fly()
    last_seen_at = network.at
    assert network.feed().left == [(flight, last_seen_at)]
    assert is_quiet(network.feed())


# --- Gaps of ours -------------------------------------------------------------------------------


def test_a_gap_of_half_an_hour_is_a_minute_of_unseen_time():
    network = Network()
    network.fly()
    changes = network.feed(record(ALOFT, logon_time=logon(60)), after=1800)
    assert (changes.opened, changes.ended) == ([], [])


@pytest.mark.parametrize("gap", [1801, 7200])
def test_after_a_longer_gap_the_same_logon_continues(gap):
    network = Network()
    network.fly()
    assert is_quiet(network.feed(record(ARRIVED), after=gap))


def test_after_a_longer_gap_a_new_logon_within_reach_continues():
    network = Network()
    flight = network.fly()
    changes = network.feed(record(ARRIVED, logon_time=logon(60)), after=2400)
    assert (changes.opened, changes.ended, changes.came) == ([], [], [flight])


def test_after_a_longer_gap_a_new_logon_out_of_reach_is_a_new_flight():
    network = Network()
    flight = network.fly()
    changes = network.feed(record(ALOFT, logon_time=logon(60), longitude=-60.0), after=2400)
    assert changes.ended == [(flight, UNOBSERVED)]
    assert len(changes.opened) == 1


def test_after_an_outage_of_40_minutes_the_way_back_is_another_flight():
    """Scenario 10, with a new logon."""
    network = Network()
    there = network.fly()
    back = record(ALOFT, flight_plan=filed("EGLL", "EDDF"), logon_time=logon(60))
    changes = network.feed(back, after=2400)
    assert changes.ended == [(there, UNOBSERVED)]
    [flight] = changes.opened
    assert flight.continues_id is None


def test_after_an_outage_of_40_minutes_the_way_back_under_one_logon_is_another_flight():
    """Scenario 10, with the same logon."""
    network = Network()
    there = network.fly()
    changes = network.feed(record(ALOFT, flight_plan=filed("EGLL", "EDDF")), after=2400)
    assert changes.ended == [(there, REPLACED)]
    assert len(changes.opened) == 1


def test_after_a_gap_of_more_than_two_hours_everything_has_ended_unobserved():
    network = Network()
    network.feed(record(), record(callsign="TST2"))
    network.feed(record())
    seen = {flight.callsign: flight.last_seen_at for flight in network.flights.open.values()}
    changes = network.feed(record(), after=7201)
    assert [(f.callsign, reason) for f, reason in changes.ended] == [
        ("TST1", UNOBSERVED),
        ("TST2", UNOBSERVED),
    ]
    assert {f.callsign: f.last_seen_at for f, _ in changes.ended} == seen
    assert [f.first_seen_at for f in changes.opened] == [network.at]


# --- Plans before the flight --------------------------------------------------------------------


def test_at_the_gate_another_arrival_is_a_revision():
    """Scenario 3: one flight, one revision, nothing cancelled."""
    network = Network()
    [flight] = network.feed(record(flight_plan=filed("KHOU", "KHOU"))).opened
    changes = network.feed(record(flight_plan=filed("KHOU", "KIAH", revision_id=2)))
    assert [(f, plan.arrival) for f, plan in changes.plans] == [(flight, "KIAH")]
    assert (changes.opened, changes.ended, flight.diverted_from) == ([], [], "")
    assert is_quiet(network.feed(record(ALOFT, flight_plan=filed("KHOU", "KIAH", revision_id=2))))


@pytest.mark.parametrize(
    "plan",
    [
        filed("EGLL", "EDDF"),
        filed("LOWW", "LSZH", aircraft_short="B738"),
        filed(aircraft_short="B738"),
    ],
)
def test_before_a_flight_has_flown_any_change_is_a_revision(plan):
    network = Network()
    network.feed(record())
    changes = network.feed(record(flight_plan=plan))
    assert (changes.opened, changes.ended, len(changes.plans)) == ([], [], 1)


def test_a_null_plan_is_no_change():
    network = Network()
    network.feed(record())
    assert is_quiet(network.feed(record(flight_plan=NULL)))
    assert is_quiet(network.feed(record()))
    assert network.only.plan is not None
    assert network.only.plan.arrival == "EGLL"


def test_a_null_plan_of_a_new_logon_is_no_change():
    network = Network()
    network.fly()
    changes = network.feed(record(ALOFT, flight_plan=NULL, logon_time=logon(60)))
    assert (changes.opened, changes.plans) == ([], [])
    assert network.only.plan is not None


def test_a_first_plan_after_none_is_kept():
    network = Network()
    network.feed(record(flight_plan=NULL))
    assert network.only.plan is None
    assert [plan.arrival for _, plan in network.feed(record()).plans] == ["EGLL"]


def test_a_lower_revision_within_a_logon_is_ignored():
    network = Network()
    network.feed(record(flight_plan=filed("EDDF", "EGLL", revision_id=3)))
    assert is_quiet(network.feed(record(flight_plan=filed("EDDF", "EGKK", revision_id=2))))
    assert network.only.plan is not None
    assert network.only.plan.arrival == "EGLL"


def test_a_lower_revision_of_a_new_logon_counts():
    network = Network()
    network.feed(record(flight_plan=filed(revision_id=3)))
    again = record(flight_plan=filed("EDDF", "EGKK", revision_id=1), logon_time=logon(1))
    assert [plan.arrival for _, plan in network.feed(again).plans] == ["EGKK"]


def test_an_older_revision_counts_once_its_pilot_has_logged_on_again():
    network = Network()
    network.feed(record(flight_plan=filed(revision_id=3)))
    network.feed(record(flight_plan=filed("EDDF", "EGKK", revision_id=2)))
    again = record(flight_plan=filed("EDDF", "EGKK", revision_id=2), logon_time=logon(1))
    assert [plan.arrival for _, plan in network.feed(again).plans] == ["EGKK"]


def test_a_plan_that_cannot_be_read_does_not_hide_the_next():
    network = Network()
    network.feed(record(flight_plan=filed(revision_id=3)))
    older = filed("EDDF", "EGKK", revision_id=2)
    network.feed(record(flight_plan=older))
    network.feed(record(flight_plan=Raw(b"{}"), logon_time=logon(1)))
    changes = network.feed(record(flight_plan=older, logon_time=logon(1)))
    assert [plan.arrival for _, plan in changes.plans] == ["EGKK"]


def test_revisions_begin_again_with_each_logon():
    network = Network()
    network.feed(record(flight_plan=filed(revision_id=3)))
    network.feed(record(flight_plan=filed(revision_id=1), logon_time=logon(1)))
    amended = record(flight_plan=filed("EDDF", "EGKK", revision_id=2), logon_time=logon(1))
    assert [plan.arrival for _, plan in network.feed(amended).plans] == ["EGKK"]


def test_a_plan_that_cannot_be_read_leaves_the_one_before():
    network = Network()
    network.feed(record())
    changes = network.feed(record(flight_plan=Raw(b'{"route": 7}')))
    assert [content for _, content in changes.rejected_plans] == [b'{"route": 7}']
    assert (changes.opened, changes.plans) == ([], [])
    assert network.only.plan is not None


# --- Plans in the air ---------------------------------------------------------------------------


def test_another_destination_in_the_air_is_a_diversion_until_it_reverts():
    network = Network()
    flight = network.fly()
    diverted = network.feed(record(ALOFT, flight_plan=filed(arrival="EGKK", revision_id=2)))
    assert (diverted.opened, len(diverted.plans)) == ([], 1)
    assert flight.diverted_from == "EGLL"
    network.feed(record(ALOFT, flight_plan=filed(arrival="EGSS", revision_id=3)))
    assert flight.diverted_from == "EGLL"
    network.feed(record(ALOFT, flight_plan=filed(arrival="EGLL", revision_id=4)))
    assert flight.diverted_from == ""


def test_another_departure_in_the_air_is_an_amendment():
    network = Network()
    flight = network.fly()
    changes = network.feed(record(ALOFT, flight_plan=filed("EDDM", revision_id=2)))
    assert (changes.opened, changes.ended, len(changes.plans)) == ([], [], 1)
    assert flight.diverted_from == ""


def test_another_type_or_route_in_the_air_is_an_amendment():
    network = Network()
    flight = network.fly()
    for number, change in enumerate(({"aircraft_short": "B738"}, {"route": "DCT"}), 2):
        changes = network.feed(record(ALOFT, flight_plan=filed(revision_id=number, **change)))
        assert (changes.opened, len(changes.plans), flight.diverted_from) == ([], 1, "")


def test_both_ends_changed_from_the_old_destination_is_a_new_flight():
    network = Network()
    old = network.fly()
    changes = network.feed(record(ALOFT, flight_plan=filed("EGLL", "EIDW", revision_id=2)))
    assert changes.ended == [(old, REPLACED)]
    [new] = changes.opened
    assert new.plan is not None
    assert (new.plan.departure, new.first_seen_at) == ("EGLL", network.at)
    assert old.plan is not None
    assert old.plan.arrival == "EGLL"


def test_both_ends_changed_otherwise_is_an_amendment_and_no_diversion():
    network = Network()
    flight = network.fly()
    changes = network.feed(record(ALOFT, flight_plan=filed("EDDM", "EIDW", revision_id=2)))
    assert (changes.opened, len(changes.plans), flight.diverted_from) == ([], 1, "")


# --- Plans after the flight ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "plan",
    [
        filed("EGLL", "EDDF", revision_id=2),
        filed("EDDM", "EGLL", revision_id=2),
        filed("EDDF", "EGKK", revision_id=2),
        filed(aircraft_short="B738", revision_id=2),
    ],
    ids=["both ends", "departure", "destination", "type"],
)
def test_refiled_after_landing_is_a_new_flight(plan):
    network = Network()
    old = network.land()
    changes = network.feed(record(ARRIVED, flight_plan=plan))
    assert changes.ended == [(old, REPLACED)]
    assert len(changes.opened) == 1
    assert changes.left == [(old, network.at - timedelta(seconds=15))]


def test_another_route_after_landing_is_a_revision():
    network = Network()
    network.land()
    changes = network.feed(record(ARRIVED, flight_plan=filed(route="DCT", revision_id=2)))
    assert (changes.opened, len(changes.plans)) == ([], 1)


def test_after_a_touch_and_go_it_is_in_the_air_again():
    network = Network()
    flight = network.land()
    network.feed(record(ON_FINAL, groundspeed=150))
    assert (flight.flown, flight.airborne) == (True, True)


# --- Flown, landed, moved -----------------------------------------------------------------------


def test_a_rejected_take_off_is_no_flight():
    """Scenario 1: 0-60-110-80-20 kt at field height."""
    network = Network()
    for along, groundspeed in enumerate((0, 60, 110, 80, 20)):
        network.feed(record(groundspeed=groundspeed, longitude=8.57 + along * 0.003))
    assert (network.only.flown, network.only.landed) == (False, False)


def test_an_aircraft_first_seen_at_speed_is_flying():
    network = Network()
    network.feed(record(ALOFT))
    assert network.only.airborne


def test_a_flight_takes_off_and_lands():
    network = Network()
    flight = network.fly()
    assert (flight.airborne, flight.landed) == (True, False)
    network.feed(record(ON_FINAL), after=3000)
    network.feed(record(ARRIVED), after=120)
    network.feed(record(ARRIVED))
    assert (flight.airborne, flight.landed) == (False, True)


def test_one_slow_sample_in_the_air_is_no_landing():
    network = Network()
    flight = network.fly()
    network.feed(record(ALOFT, groundspeed=0))
    network.feed(record(ALOFT))
    assert flight.airborne


@pytest.mark.parametrize("value", [{"groundspeed": None}, {"altitude": None}])
def test_a_sample_without_speed_or_altitude_tells_nothing(value):
    network = Network()
    flight = network.fly()
    network.feed(record(ARRIVED, **value))
    network.feed(record(ARRIVED, **value))
    assert flight.airborne


def test_an_aircraft_that_stays_never_moved():
    network = Network()
    network.feed(record())
    network.feed(record(latitude=50.03 + 0.2 * NM))
    assert not network.only.moved
    network.feed(record(latitude=50.03 + 0.4 * NM))
    assert network.only.moved


# --- Flights that reappear ----------------------------------------------------------------------


@pytest.mark.parametrize("again", [{}, {"logon_time": logon(1)}], ids=["same logon", "new logon"])
def test_an_unflown_flight_that_reappears_over_5_nm_away_is_another(again):
    network = Network()
    [old] = network.feed(record()).opened
    network.feed()
    changes = network.feed(record(latitude=50.03 + 5.1 * NM, **again))
    assert changes.ended == [(old, REPLACED)]
    assert len(changes.opened) == 1
    assert old.last_seen_at == FEED_AT


@pytest.mark.parametrize("again", [{}, {"logon_time": logon(1)}], ids=["same logon", "new logon"])
def test_an_unflown_flight_that_reappears_near_by_continues(again):
    network = Network()
    network.feed(record())
    network.feed()
    assert network.feed(record(latitude=50.03 + 4.9 * NM, **again)).opened == []


def test_an_unflown_flight_that_reappears_without_a_place_continues():
    network = Network()
    network.feed(record())
    network.feed()
    assert network.feed(record(latitude=None, longitude=None)).opened == []


def test_a_flown_flight_may_reappear_anywhere():
    network = Network()
    network.fly()
    network.feed()
    assert network.feed(record(ALOFT, longitude=-60.0)).opened == []


# --- Linked continuations -----------------------------------------------------------------------


def link_after(hours: float, away_nm: float, speed_kt: float = 0, **values) -> int | None:
    """Which flight the next one continues, that appears so long after and so far away."""
    network = Network(speed_kt=speed_kt)
    network.fly()
    last_seen_at = network.at
    network.empty_for(1860, step=60)
    assert network.flights.open == {}
    after = (last_seen_at + timedelta(hours=hours) - network.at).total_seconds()
    [flight] = network.feed(
        record(ALOFT | {"latitude": 50.5 + away_nm * NM}, **values), after=after
    ).opened
    return flight.continues_id


def test_a_later_flight_within_reach_continues_the_earlier():
    # One hour: 1.2 * 600 kt + 5 nm
    assert link_after(1, 724, logon_time=logon(80)) == 1
    assert link_after(1, 726, logon_time=logon(80)) is None


def test_a_faster_flight_reaches_farther():
    assert link_after(1, 1204, speed_kt=1000) == 1
    assert link_after(1, 1206, speed_kt=1000) is None
    assert link_after(1, 724, speed_kt=100) == 1


def test_the_callsign_may_differ():
    assert link_after(1, 10, callsign="TST2") == 1


def test_another_member_continues_nothing():
    assert link_after(1, 10, cid=CID + 1) is None


@pytest.mark.parametrize(
    "plan", [filed("EDDF", "EGKK"), filed("EDDM", "EGLL"), filed("EGLL", "EDDF"), NULL]
)
def test_only_a_flight_between_the_same_airports_continues(plan):
    assert link_after(1, 10, flight_plan=plan) is None


def test_flights_are_linked_for_24_hours():
    assert link_after(23.99, 10) == 1
    assert link_after(24.01, 10) is None


def test_without_a_place_nothing_is_continued():
    assert link_after(1, 10, latitude=None, longitude=None) is None


def test_two_flights_without_airports_are_not_linked():
    network = Network()
    nowhere = record(ALOFT, flight_plan=filed("", ""))
    network.feed(nowhere)
    network.empty_for(1860, step=60)
    [flight] = network.feed(nowhere).opened
    assert flight.continues_id is None


def test_after_a_long_outage_the_flight_is_continued_by_a_new_one():
    network = Network()
    old = network.fly()
    [new] = network.feed(record(ARRIVED), after=8000).opened
    assert new.continues_id == old.id


def test_after_an_outage_of_over_24_hours_nothing_is_continued():
    network = Network()
    network.fly()
    [new] = network.feed(record(ARRIVED), after=24 * 3600 + 1).opened
    assert new.continues_id is None


def test_the_latest_of_several_earlier_flights_is_continued():
    network = Network()
    for _ in range(2):
        network.feed(record(ALOFT))
        network.empty_for(1860, step=60)
    [third] = network.feed(record(ALOFT)).opened
    assert third.continues_id == 2


def test_a_flight_that_is_still_there_is_not_continued_under_another_callsign():
    network = Network()
    network.feed(record(ALOFT))
    [other] = network.feed(record(ALOFT), record(ALOFT, callsign="TST2")).opened
    assert other.continues_id is None


@pytest.mark.parametrize("missed", [0, 1])
def test_a_flight_that_comes_back_in_the_same_feed_is_not_continued(missed):
    network = Network()
    network.feed(record(ALOFT))
    network.empty_for(15 * missed)
    again = record(ALOFT, logon_time=logon(1))
    [other] = network.feed(again, record(ALOFT, callsign="TST2")).opened
    assert other.continues_id is None


def test_a_flight_that_left_for_another_callsign_is_continued():
    network = Network()
    network.feed(record(ALOFT))
    [other] = network.feed(record(ALOFT, callsign="TST2")).opened
    assert other.continues_id == 1


# --- Prefiles -----------------------------------------------------------------------------------


PREFILED = parse_plan(body(PlanJson(arrival="EGKK")))
assert PREFILED is not None


def test_a_prefile_becomes_the_plan_when_its_pilot_connects():
    network = Network(prefiled={(CID, "TST1"): PREFILED})
    changes = network.feed(record(flight_plan=NULL))
    [flight] = changes.opened
    assert changes.bound == [flight]
    assert changes.plans == [(flight, PREFILED)]
    assert flight.plan == PREFILED


@pytest.mark.parametrize("key", [(CID, "TST2"), (CID + 1, "TST1")])
def test_a_cid_or_a_callsign_alone_never_binds(key):
    network = Network(prefiled={key: PREFILED})
    changes = network.feed(record(flight_plan=NULL))
    assert (changes.bound, changes.plans) == ([], [])


def test_the_connected_pilots_own_plan_goes_first():
    network = Network(prefiled={(CID, "TST1"): PREFILED})
    changes = network.feed(record())
    assert [plan.arrival for _, plan in changes.plans] == ["EGLL"]
    assert len(changes.bound) == 1


def test_the_prefiled_plan_stays_while_the_record_has_none():
    network = Network(prefiled={(CID, "TST1"): PREFILED})
    network.feed(record(flight_plan=NULL))
    network.prefiled = {}
    assert is_quiet(network.feed(record(flight_plan=NULL)))
    assert network.only.plan == PREFILED


# --- Positions ----------------------------------------------------------------------------------


def positions(network: Network, at: datetime, last_updated: datetime, **values) -> int:
    taken = record(last_updated=last_updated, **values)
    return len(network.advance(at, {(taken.cid, taken.callsign): taken}).positions)


def test_a_position_is_stored_once_at_its_own_time():
    network = Network()
    own = FEED_AT - timedelta(seconds=3)
    later = FEED_AT + timedelta(seconds=15)
    assert positions(network, FEED_AT, own) == 1
    assert positions(network, later, own) == 0
    assert positions(network, later + timedelta(seconds=15), own + timedelta(seconds=15)) == 1
    assert network.only.at_ms == epoch_ms(own + timedelta(seconds=15))


def test_a_position_older_than_the_newest_is_not_stored():
    network = Network()
    assert positions(network, FEED_AT, FEED_AT) == 1
    assert positions(network, FEED_AT + timedelta(seconds=15), FEED_AT - timedelta(seconds=1)) == 0


def test_without_a_place_the_point_is_dropped_and_the_flight_kept():
    network = Network()
    assert positions(network, FEED_AT, FEED_AT, latitude=None, longitude=None) == 0
    assert (network.only.fix.latitude, network.only.first_latitude) == (None, None)
    assert positions(network, FEED_AT + timedelta(seconds=15), FEED_AT + timedelta(seconds=15)) == 1


@pytest.mark.parametrize("microsecond", [0, 1000, 999_000, 123_000, 29_000])
def test_whole_milliseconds_survive(microsecond):
    at = FEED_AT.replace(microsecond=microsecond)
    assert epoch_ms(at) == epoch_ms(FEED_AT) + microsecond // 1000


# --- Properties ---------------------------------------------------------------------------------
#
# Two members on two callsigns each come, go, move, refile, change logon and squawk as they like;
# the time between feeds reaches over every limit.

GAPS = [15, 15, 15, 15.013, 45.7, 61, 700, 1801, 2400, 7201]
PLACES = [
    AT_GATE,
    AT_GATE | {"latitude": 50.04},
    ALOFT,
    ON_FINAL,
    ARRIVED,
    ARRIVED | {"groundspeed": 2},
]
PLANS = [
    NULL,
    PLAN,
    PLAN,
    filed(route="DCT", revision_id=2),
    filed("EDDF", "EGKK", revision_id=2),
    filed("EDDM", "EGLL", revision_id=3),
    filed("EGLL", "EDDF", revision_id=2),
    Raw(b'{"route": 7}'),
]
KEYS = [(CID, "TST1"), (CID, "TST2"), (CID + 1, "TST1")]
LOOKS = st.tuples(
    st.sampled_from(PLACES),
    st.sampled_from(PLANS),
    st.sampled_from([logon(0), logon(0), logon(5)]),
    st.sampled_from(["2201", "2201", "7700", None]),
)
FEEDS = st.lists(
    st.tuples(
        st.sampled_from(GAPS),
        st.dictionaries(st.sampled_from(KEYS), LOOKS, max_size=len(KEYS)),
    ),
    min_size=1,
    max_size=14,
)


@dataclass(frozen=True)
class SeenFeed:
    at: datetime
    pilots: dict[Key, Pilot]


def timed(feeds: Iterable[tuple[float, dict[Key, tuple]]]) -> list[SeenFeed]:
    """Feeds with their own times."""
    at, seen = FEED_AT, []
    for gap, looks in feeds:
        at += timedelta(seconds=gap)
        pilots = {
            (cid, callsign): record(
                place,
                cid=cid,
                callsign=callsign,
                flight_plan=plan,
                logon_time=logon_time,
                transponder=transponder,
                last_updated=at - timedelta(seconds=2),
            )
            for (cid, callsign), (place, plan, logon_time, transponder) in looks.items()
        }
        seen.append(SeenFeed(at, pilots))
    return seen


@dataclass
class Stored:
    """A flight as the database has it."""

    key: Key
    first_seen_at: datetime
    presences: list[list[datetime | None]] = field(default_factory=list)
    ended_at: datetime | None = None
    row: OpenFlight | None = None


class Database(Network):
    """Takes what changes, in the order of writing, and gives back what would be read."""

    def __init__(self) -> None:
        super().__init__(prefiled={KEYS[0]: PREFILED})
        self.rows: dict[int, Stored] = {}
        self.newest: datetime | None = None
        self.feeds: list[datetime] = []
        self.told: list[tuple] = []

    def take(self, feed: SeenFeed) -> None:
        """A feed that comes out of the buffer, which lets in only newer ones."""
        if self.newest and feed.at <= self.newest:
            return
        self.newest = feed.at
        self.feeds.append(feed.at)
        self.write(feed.at, self.advance(feed.at, feed.pilots))

    def write(self, at: datetime, changes: FlightChanges) -> None:
        for flight, until_at in changes.left:
            presence = self.rows[flight.id].presences[-1]
            assert presence[1] is None
            presence[1] = until_at
        for flight, _ in changes.ended:
            assert self.rows[flight.id].ended_at is None
            self.rows[flight.id].ended_at = flight.last_seen_at
        for flight in changes.opened:
            self.rows[flight.id] = Stored(flight.key, flight.first_seen_at)
        for flight in changes.came:
            self.rows[flight.id].presences.append([at, None])
        self.told.append(summary(changes))

    def restart(self) -> None:
        """Lose everything but what is stored."""
        steps = [min((b - a).total_seconds(), 60) for a, b in pairwise(self.feeds)]
        again = []
        for flight in self.flights.open.values():
            restored = copy.copy(flight)
            restored.plan_json = None
            since = self.feeds.index(flight.last_seen_at)
            restored.unseen_s = round(sum(steps[since:]), 3) if flight.missing else 0.0
            self.stored[flight.id - 1] = restored
            again.append(restored)
        self.flights = Flights(RULES, self.newest, again)


def summary(changes: FlightChanges) -> tuple:
    """All that is written of a feed's changes."""
    return (
        [(f.id, f.key, f.continues_id) for f in changes.opened],
        [(f.id, reason, f.last_seen_at) for f, reason in changes.ended],
        [(f.id, until_at) for f, until_at in changes.left],
        [(f.id, f.logon_time, f.transponder) for f in changes.came],
        [(f.id, plan) for f, plan in changes.plans],
        [(f.id, f.at_ms, f.fix.latitude, f.fix.longitude) for f in changes.positions],
        [(f.id, f.moved, f.flown, f.landed, f.diverted_from) for f in changes.changed.values()],
        [f.id for f in changes.bound],
        changes.rejected_plans,
    )


def collected(feeds: Iterable[SeenFeed]) -> Database:
    database = Database()
    for feed in feeds:
        database.take(feed)
    return database


@settings(deadline=None)
@given(FEEDS)
def test_no_second_is_lost_or_counted_twice(feeds):
    seen = timed(feeds)
    database = collected(seen)
    held: dict[tuple[datetime, Key], int] = {}
    for stored in database.rows.values():
        bounds = [bound for presence in stored.presences for bound in presence if bound]
        assert bounds == sorted(bounds)
        assert all(a[1] is not None and a[1] < b[0] for a, b in pairwise(stored.presences))
        assert stored.presences[0][0] == stored.first_seen_at
        for since_at, until_at in stored.presences:
            for feed in seen:
                if since_at <= feed.at <= (until_at or seen[-1].at):
                    held[feed.at, stored.key] = held.get((feed.at, stored.key), 0) + 1
    assert held == {(feed.at, key): 1 for feed in seen for key in feed.pilots}


@settings(deadline=None)
@given(FEEDS)
def test_every_position_is_stored_once(feeds):
    seen = timed(feeds)
    told = [
        (f, at_ms)
        for positions in (s[5] for s in collected(seen).told)
        for f, at_ms, *_ in positions
    ]
    assert len(set(told)) == len(told)
    assert len(told) == sum(len(feed.pilots) for feed in seen)


@settings(deadline=None)
@given(FEEDS)
def test_flights_of_a_client_never_overlap(feeds):
    rows = list(collected(timed(feeds)).rows.values())
    assert len({(row.key, row.first_seen_at) for row in rows}) == len(rows)
    for key in KEYS:
        own = sorted((r for r in rows if r.key == key), key=lambda r: r.first_seen_at)
        assert all(
            a.ended_at is not None and a.ended_at < b.first_seen_at for a, b in pairwise(own)
        )
        assert all(row.ended_at is None or row.ended_at == row.presences[-1][1] for row in own)


@settings(deadline=None)
@given(FEEDS, st.data())
def test_duplicated_and_stale_feeds_change_nothing(feeds, data):
    clean = timed(feeds)
    noisy = []
    for number, feed in enumerate(clean):
        noisy.append(feed)
        again = data.draw(st.lists(st.integers(0, number), max_size=2))
        noisy += [clean[i] for i in again]
    assert collected(noisy).told == collected(clean).told


@settings(deadline=None)
@given(FEEDS)
def test_a_feed_applied_twice_changes_nothing_the_second_time(feeds):
    network = Network()
    for feed in timed(feeds):
        network.advance(feed.at, feed.pilots)
        again = network.advance(feed.at, feed.pilots)
        again.rejected_plans.clear()  # read again, and counted with the feed's own row
        assert again == FlightChanges()


def test_a_flight_that_stays_keeps_no_feed_in_memory():
    network = Network()
    content = body(feed_json([PilotJson(flight_plan=PlanJson())]))
    feed = parse_feed(content)
    network.flights.advance(feed.feed_at, feed.pilots, {}, network)
    del feed
    assert network.only.plan is not None
    assert sys.getrefcount(content) == 2  # this function's, and that of the call


@settings(deadline=None)
@given(FEEDS, st.data())
def test_a_restart_at_any_point_changes_nothing(feeds, data):
    seen = timed(feeds)
    restarted = Database()
    for feed in seen:
        restarted.take(feed)
        if data.draw(st.booleans()):
            restarted.restart()
    assert restarted.told == collected(seen).told


def test_the_feeds_of_the_properties_can_hold_every_kind_of_end():
    first = {KEYS[0]: (ALOFT, PLAN, logon(0), "2201")}
    second = {KEYS[0]: (ALOFT, filed("EGLL", "EDDF", revision_id=2), logon(0), "2201")}
    feeds = [(15, first), (15, second), (7201, first), *[(61, {})] * 31]
    ends = {reason for told in collected(timed(feeds)).told for _, reason, _ in told[1]}
    assert ends == {REPLACED, UNOBSERVED, UNSEEN}
