"""Builds the feed's JSON and the records that the parser makes of it, for tests.

The JSON factories give plain dicts in the feed's own form; the others give typed records.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import factory
import msgspec
from msgspec import Raw

from collector.parsing import Feed, parse_feed
from collector.records import Atis, Controller, Pilot, Prefile

FEED_AT = datetime(2024, 11, 21, 12, 0, tzinfo=UTC)
LOGON_AT = FEED_AT - timedelta(hours=1)
NULL = Raw(b"null")

Json = dict[str, Any]


def stamp(at: datetime) -> str:
    """A time as the feed writes it, with seven fraction digits."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z"


class PlanJson(factory.DictFactory):
    flight_rules = "I"
    aircraft = "A320/M-SDE2E3FGHIRWY/LB1"
    aircraft_faa = "A320/L"
    aircraft_short = "A320"
    departure = "EDDF"
    arrival = "EGLL"
    alternate = "EGKK"
    cruise_tas = "450"
    altitude = "34000"
    deptime = "1130"
    enroute_time = "0120"
    fuel_time = "0300"
    remarks = "/V/"
    route = "SOBRA L984 BIG"
    revision_id = 1
    assigned_transponder = "2201"


class ClientJson(factory.DictFactory):
    cid = factory.Sequence(lambda n: 9_000_000 + n)
    name = "A Member"
    last_updated = stamp(FEED_AT - timedelta(seconds=2))


class PilotJson(ClientJson):
    callsign = factory.LazyAttribute(lambda pilot: f"TST{pilot.cid % 9_000_000}")
    server = "SERVER1"
    pilot_rating = 0
    military_rating = 0
    latitude = 50.03
    longitude = 8.57
    altitude = 364
    groundspeed = 0
    transponder = "2201"
    heading = 250
    qnh_i_hg = 29.92
    qnh_mb = 1013
    flight_plan = None
    logon_time = stamp(LOGON_AT)


class ControllerJson(ClientJson):
    callsign = "EDDF_TWR"
    frequency = "119.900"
    facility = 4
    rating = 5
    server = "SERVER1"
    visual_range = 50
    text_atis: list[str] | None = None
    logon_time = stamp(LOGON_AT)


class AtisJson(ControllerJson):
    callsign = "EDDF_ATIS"
    frequency = "118.025"
    atis_code = "A"
    text_atis = factory.LazyFunction(lambda: ["FRANKFURT INFORMATION A"])


class PrefileJson(ClientJson):
    callsign = factory.LazyAttribute(lambda prefile: f"TST{prefile.cid % 9_000_000}")
    flight_plan = factory.SubFactory(PlanJson)


class ServerJson(factory.DictFactory):
    ident = "SERVER1"
    hostname_or_ip = "192.0.2.1"
    location = "Somewhere"
    name = "SERVER1"
    clients_connection_allowed = 1
    client_connections_allowed = True
    is_sweatbox = False


def radio_json(**values: Any) -> Json:
    """One radio of a `transceivers-data.json`."""
    return {
        "id": 0,
        "frequency": 119_900_000,
        "latDeg": 50.03,
        "lonDeg": 8.57,
        "heightMslM": 130.0,
        "heightAglM": 20.0,
    } | values


def feed_json(pilots: Iterable[Json] = (), *, at: datetime = FEED_AT, **lists: Any) -> Json:
    """A whole feed; `lists` are its other lists, or what shall stand in their place."""
    feed: Json = {
        "pilots": list(pilots),
        "controllers": [],
        "atis": [],
        "servers": [],
        "prefiles": [],
        "facilities": [{"id": 4, "short": "TWR", "long": "Tower"}],
        "ratings": [{"id": 5, "short": "C1", "long": "Enroute Controller"}],
        "pilot_ratings": [{"id": 0, "short_name": "NEW", "long_name": "Basic Member"}],
        "military_ratings": [{"id": 0, "short_name": "M0", "long_name": "No rating"}],
    } | lists
    clients = [*feed["pilots"], *(feed["controllers"] or ()), *(feed["atis"] or ())]
    general = {
        "version": 3,
        "reload": 1,
        "update": f"{at:%Y%m%d%H%M%S}",
        "update_timestamp": stamp(at),
        "connected_clients": len(clients),
        "unique_users": len(clients),
    }
    return {"general": general} | feed


def body(feed: Any) -> bytes:
    """A feed as it comes over HTTP."""
    return json.dumps(feed).encode()


def parsed(pilots: Iterable[Json] = (), **lists: Any) -> Feed:
    """What the parser makes of a feed."""
    return parse_feed(body(feed_json(pilots, **lists)))


def pilot(**values: Any) -> Pilot:
    """A pilot's record; `flight_plan` may be given as a plan's JSON."""
    return _record(Pilot, PilotJson, values)


def controller(**values: Any) -> Controller:
    """A controller's record."""
    return _record(Controller, ControllerJson, values)


def atis(**values: Any) -> Atis:
    """The record of a station that broadcasts an ATIS."""
    return _record(Atis, AtisJson, values)


def prefile(**values: Any) -> Prefile:
    """A prefile's record; `flight_plan` may be given as a plan's JSON."""
    return _record(Prefile, PrefileJson, values)


def _record(kind: Any, make: Any, values: Json) -> Any:
    times = {name: stamp(value) for name, value in values.items() if isinstance(value, datetime)}
    return msgspec.json.decode(body(make(**values | times)), type=kind)
