"""The recorded feeds of the real network, against figures computed here from the files alone.

The reference is written from the domain rules, without the collector's code: one feed after the
other, plain dictionaries, no thought of speed.
"""

import gzip
import json
from collections import Counter
from datetime import datetime
from io import StringIO
from math import acos, cos, radians, sin
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from collector.models import ControllerSession, Flight, Poll, Position, Prefile, RejectedRecord
from tests.integration.collector.tables import checksums

FEEDS = Path(settings.BASE_DIR).parent / "shared" / "data" / "feeds"
needs_recordings = pytest.mark.skipif(not FEEDS.is_dir(), reason="there are no recorded feeds here")

# --- The reference ------------------------------------------------------------------------------

SERVICES = {"AFVDATA", "AFV-SLURPER", "DATA", "DATASVR", "SUP"}
PILOT_TYPES = {
    **dict.fromkeys(("cid", "pilot_rating", "altitude", "groundspeed", "heading", "qnh_mb"), int),
    **dict.fromkeys(("name", "callsign", "server", "transponder"), str),
    **dict.fromkeys(("logon_time", "last_updated"), str),
    **dict.fromkeys(("latitude", "longitude", "qnh_i_hg"), (int, float)),
    "flight_plan": (dict, type(None)),
}
STATION_TYPES = {
    **dict.fromkeys(("cid", "facility", "rating", "visual_range"), int),
    **dict.fromkeys(("name", "callsign", "frequency", "server"), str),
    **dict.fromkeys(("logon_time", "last_updated"), str),
    "text_atis": (list, type(None)),
}
PREFILE_TYPES = {"cid": int, "name": str, "callsign": str, "flight_plan": dict, "last_updated": str}
TYPES = {
    "pilots": PILOT_TYPES,
    "controllers": STATION_TYPES,
    "atis": STATION_TYPES,
    "prefiles": PREFILE_TYPES,
}


def read_feeds() -> list[dict]:
    feeds = [json.loads(gzip.decompress(path.read_bytes())) for path in FEEDS.glob("*.json.gz")]
    return sorted(feeds, key=lambda feed: instant(feed["general"]["update_timestamp"]))


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def is_sound(kind: str, record: dict) -> bool:
    return all(isinstance(record.get(key), types) for key, types in TYPES[kind].items())


def records_of(feed: dict, kind: str) -> dict[tuple, dict]:
    """The sound records of members under (cid, callsign), the latest of each."""
    latest: dict[tuple, dict] = {}
    for record in feed[kind]:
        if not is_sound(kind, record) or record["cid"] <= 0 or record["callsign"] in SERVICES:
            continue
        key = record["cid"], record["callsign"]
        updated = instant(record["last_updated"])
        if key not in latest or instant(latest[key]["last_updated"]) < updated:
            latest[key] = record
    return latest


def nautical_miles(a: dict, b: dict) -> float:
    lat1, lat2 = radians(a["latitude"]), radians(b["latitude"])
    across = radians(a["longitude"] - b["longitude"])
    cosine = sin(lat1) * sin(lat2) + cos(lat1) * cos(lat2) * cos(across)
    return acos(max(-1.0, min(1.0, cosine))) * 3440.065


def journey(plan: dict) -> tuple[str, str, str]:
    """Departure, arrival and type."""
    kind = plan.get("aircraft_short") or plan["aircraft"].removeprefix("H/").split("/")[0]
    return plan["departure"], plan["arrival"], kind


class ReferenceFlight:
    """One flight, told record by record."""

    def __init__(self, record: dict) -> None:
        self.unseen_s = 0.0
        self.plan: dict | None = None
        self.plan_logon = ""
        self.ground_ft: float | None = None
        self.flown = self.landed = False
        self.positions = 0
        self.at = float("-inf")
        self.add(record)

    def news(self, record: dict) -> dict | None:
        """The plan of a record where it changes the flight's."""
        plan = record["flight_plan"]
        if not plan or not self.plan:
            return plan
        same_logon = record["logon_time"] == self.plan_logon
        older = plan.get("revision_id", 0) < self.plan.get("revision_id", 0)
        return None if same_logon and older else plan

    def goes_on_with(self, record: dict, gap_s: float) -> bool:
        """Whether a record of the same cid and callsign is this flight."""
        same_logon = record["logon_time"] == self.record["logon_time"]
        plan = self.news(record) or self.plan
        way_nm = nautical_miles(self.record, record)
        if gap_s > 30 * 60 and not same_logon:
            if not plan or not self.plan or journey(plan)[:2] != journey(self.plan)[:2]:
                return False
            if way_nm > 1.2 * 600 * gap_s / 3600 + 5:
                return False
        if (self.unseen_s or not same_logon) and not self.flown and way_nm > 5:
            return False
        if not plan or not self.plan:
            return True
        old, new = journey(self.plan), journey(plan)
        if self.landed:
            return new == old
        flies_on = new[0] != old[0] and new[1] != old[1] and new[0] == old[1]
        return not (self.flown and flies_on)

    def add(self, record: dict) -> None:
        if plan := self.news(record):
            self.plan, self.plan_logon = plan, record["logon_time"]
        at = instant(record["last_updated"])
        if at > self.at and (record["latitude"] or record["longitude"]):
            self.positions += 1
            self.move(record)
            self.at = at
        self.record, self.unseen_s = record, 0.0

    def move(self, record: dict) -> None:
        """Learn whether it flew or landed."""
        slow, altitude = record["groundspeed"] < 50, record["altitude"]
        if altitude == 0 and record["groundspeed"] > 150:  # not known yet
            self.flown, self.landed = True, False
        elif self.flown and not self.landed:
            before = self.record
            level = abs(altitude - before["altitude"]) <= 50
            self.landed = slow and before["groundspeed"] < 50 and level
            if self.landed:
                self.ground_ft = altitude
        elif self.ground_ft is None:
            self.flown = record["groundspeed"] >= 100
            if slow:
                self.ground_ft = altitude
        elif altitude - self.ground_ft > (500 if slow else 200):
            self.flown, self.landed = True, False


def count_flights(feeds: list[dict]) -> Counter[str]:
    counted: Counter[str] = Counter()
    flights: dict[tuple, ReferenceFlight] = {}
    before = None
    for feed in feeds:
        at = instant(feed["general"]["update_timestamp"])
        gap_s = at - before if before else 0.0
        before = at
        if gap_s > 2 * 3600:
            flights.clear()
        pilots = records_of(feed, "pilots")
        for key in flights.keys() - pilots.keys():
            flights[key].unseen_s += min(gap_s, 60)
            if flights[key].unseen_s > 30 * 60:
                del flights[key]
        for key, record in pilots.items():
            flight = flights.get(key)
            positions = flight.positions if flight else 0
            if flight and flight.goes_on_with(record, gap_s):
                flight.add(record)
            else:
                flights[key] = flight = ReferenceFlight(record)
                positions = 0
                counted["flights"] += 1
            counted["positions"] += flight.positions - positions
    return counted


def count_sessions(feeds: list[dict], kind: str) -> int:
    sessions: dict[tuple, list] = {}  # logon_time, unseen seconds
    counted, before = 0, None
    for feed in feeds:
        at = instant(feed["general"]["update_timestamp"])
        gap_s = at - before if before else 0.0
        before = at
        if gap_s > 2 * 3600:
            sessions.clear()
        stations = records_of(feed, kind)
        for key in sessions.keys() - stations.keys():
            sessions[key][1] += min(gap_s, 60)
            if sessions[key][1] > 30 * 60:
                del sessions[key]
        for key, record in stations.items():
            logon = record["logon_time"]
            session = sessions.get(key)
            if not session or (session[0] != logon and session[1] > 5 * 60):
                counted += 1
            sessions[key] = [logon, 0.0]
    return counted


def count_prefiles(feeds: list[dict]) -> int:
    """Plans of one member and callsign in an uninterrupted run of feeds."""
    counted, waiting, before = 0, set(), None
    for feed in feeds:
        at = instant(feed["general"]["update_timestamp"])
        if before and at - before > 2 * 3600:
            waiting = set()
        before = at
        keys = records_of(feed, "prefiles").keys()
        counted += len(keys - waiting)
        waiting = set(keys)
    return counted


def count_unsound(feeds: list[dict]) -> int:
    return sum(
        not is_sound(kind, record) for feed in feeds for kind in TYPES for record in feed[kind]
    )


# --- The tests ----------------------------------------------------------------------------------


@pytest.fixture
def feeds() -> list[dict]:
    return read_feeds()


@needs_recordings
def test_the_recorded_feeds_replay_to_what_the_domain_rules_say(db, buffer, feeds):
    said = StringIO()
    call_command("replay", str(FEEDS), "--speed", "0", stdout=said, stderr=said)
    assert f"{len(feeds)} of {len(feeds)} feeds taken" in said.getvalue()
    expected = count_flights(feeds)
    assert Poll.objects.accepted().count() == len(feeds)
    assert {
        "flights": Flight.objects.count(),
        "positions": Position.objects.count(),
        "controllers": ControllerSession.objects.filter(is_atis=False).count(),
        "atis": ControllerSession.objects.filter(is_atis=True).count(),
        "prefiles": Prefile.objects.count(),
        "rejected": sum(Poll.objects.values_list("rejected", flat=True)),
        "rejected kept": RejectedRecord.objects.count(),
    } == {
        "flights": expected["flights"],
        "positions": expected["positions"],
        "controllers": count_sessions(feeds, "controllers"),
        "atis": count_sessions(feeds, "atis"),
        "prefiles": count_prefiles(feeds),
        "rejected": count_unsound(feeds),
        "rejected kept": count_unsound(feeds),
    }
    before = checksums()
    call_command("replay", str(FEEDS), "--speed", "0", stdout=said, stderr=said)
    assert f"0 of {len(feeds)} feeds taken, {len(feeds)} stored before" in said.getvalue()
    assert checksums() == before
