"""The live lists: what the newest feed says, joined with what only PostgreSQL knows.

Pure rendering. `snapshots.py` keeps the results where the web finds them.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

from collector import counts
from collector.callsigns import is_position, is_voice_frequency, normalise
from collector.parsing import Feed
from collector.records import Controller, Key, Pilot
from collector.text import clean_json


class LiveFlight(Struct, gc=False):
    """A flight in a feed, with the feed's own names. `id` is null before the first flush.

    For anonymous readers `cid` is a pseudonym and `name` null. At a past time `server` and the
    ratings are null where the flight has connected again since: history does not hold them.
    """

    id: int | None
    cid: int
    name: str | None
    callsign: str
    server: str | None
    pilot_rating: int | None
    military_rating: int | None
    latitude: float | None
    longitude: float | None
    altitude: int | None
    groundspeed: int | None
    transponder: str | None
    heading: int | None
    qnh_i_hg: float | None
    qnh_mb: int | None
    flight_plan: Any  # the feed's own JSON, or an object
    logon_time: datetime
    last_updated: datetime | None
    status: str = "active"


class Named(Struct, gc=False):
    """A number of the feed and its short name there."""

    id: int
    short: str | None


class Place(Struct, frozen=True, gc=False):
    """A point in degrees."""

    lat: float
    lon: float


class Station(Struct, frozen=True, gc=False):
    """What PostgreSQL knows of a controller: its session's id and where its antennas stand."""

    id: int | None
    place: Place | None


NO_STATION = Station(None, None)


class LivePosition(Struct, gc=False):
    """An active ATC position; see `LiveFlight`. `position` comes from its transceivers.

    `last_updated` is null at a past time: history does not hold it.
    """

    id: int | None
    cid: int
    name: str | None
    callsign: str
    facility: Named
    frequency: str
    rating: Named
    server: str
    visual_range: int
    text_atis: list[str] | None
    atis_code: str | None
    logon_time: datetime
    last_updated: datetime | None
    position: Place | None


def live_flights(pilots: Iterable[Pilot], ids: Mapping[Key, int]) -> list[LiveFlight]:
    """The flights of a feed; `ids` are those that PostgreSQL gave them."""
    return [
        LiveFlight(
            ids.get((p.cid, p.callsign)),
            p.cid,
            p.name,
            p.callsign,
            p.server,
            p.pilot_rating,
            p.military_rating,
            p.latitude,
            p.longitude,
            p.altitude,
            p.groundspeed,
            p.transponder,
            p.heading,
            p.qnh_i_hg,
            p.qnh_mb,
            _readable(p.flight_plan),
            p.logon_time,
            p.last_updated,
        )
        for p in pilots
    ]


def _readable(plan: Raw) -> Raw | None:
    """A raw plan that any client can decode; None if it is null or no object."""
    content = bytes(plan)
    return Raw(clean_json(content)) if content.startswith(b"{") else None


def live_positions(feed: Feed, stations: Mapping[Key, Station]) -> list[LivePosition]:
    """The active positions of a feed: controllers on a frequency, without observers."""
    codes = {callsign: station.atis_code for (_, callsign), station in feed.atis.items()}
    facilities = short_names(feed.references["facilities"])
    ratings = short_names(feed.references["ratings"])
    return [
        LivePosition(
            id=station.id,
            cid=c.cid,
            name=c.name,
            callsign=c.callsign,
            facility=Named(c.facility, facilities.get(c.facility)),
            frequency=c.frequency,
            rating=Named(c.rating, ratings.get(c.rating)),
            server=c.server,
            visual_range=c.visual_range,
            text_atis=c.text_atis,
            atis_code=codes.get(normalise(c.callsign).split("_")[0] + "_ATIS"),
            logon_time=c.logon_time,
            last_updated=c.last_updated,
            position=station.place,
        )
        for c in feed.controllers.values()
        if is_active(c)
        for station in [stations.get((c.cid, c.callsign), NO_STATION)]
    ]


def is_active(controller: Controller) -> bool:
    """Whether a record is a position that controls now."""
    on_air = is_voice_frequency(controller.frequency)
    return on_air and is_position(controller.callsign, controller.facility)


def short_names(entries: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """The feed's short name of each number in one of its reference lists."""
    return {
        entry["id"]: str(entry["short"])
        for entry in entries
        if isinstance(entry.get("id"), int) and "short" in entry
    }


def hide_members(rows: Iterable[LiveFlight | LivePosition], alias: Callable[[int], int]) -> None:
    """Make rows fit for anonymous readers, in place."""
    for row in rows:
        row.cid = alias(row.cid)
        row.name = None


class NetworkStatus(Struct, gc=False):
    """What the network reports of itself, in its own words."""

    update_timestamp: Annotated[datetime, Meta(description="The feed's own time")]
    connected_clients: counts.Clients
    unique_users: counts.Users
    pilots: counts.Pilots
    controllers: counts.Controllers
    observers: counts.Observers
    atis: counts.Atis
    prefiles: counts.Prefiles
    servers: Annotated[
        list[dict[str, Any]],
        Meta(description="Each server's ident, name and location, and the clients on it"),
    ]


def network_status(feed: Feed) -> NetworkStatus:
    """The status of a feed."""
    return NetworkStatus(update_timestamp=feed.feed_at, **counts.count(feed))
