"""Parses a feed's two JSON bodies into validated records, each client's newest one.

Times are aware datetimes in UTC. A feed's own time is cut to milliseconds, since it is also the
id of its entry in the buffer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from collector.decoding import FeedRejected, Rejects, decode_feed, decode_radios, unknown_keys
from collector.records import (
    Atis,
    Client,
    Controller,
    General,
    Key,
    Pilot,
    Prefile,
    Server,
    Transceiver,
)
from collector.text import clean, storable

REFERENCES = ("facilities", "ratings", "pilot_ratings", "military_ratings")
MOST_ENTRIES = 100  # of one of them
# Clients of the network's own services, which are neither pilots nor controllers.
SERVICE_CALLSIGNS = frozenset({"AFVDATA", "AFV-SLURPER", "DATA", "DATASVR", "SUP"})
# Lengths that text is cut to. The longest route among 96,557 recorded pilots had 1,081 characters.
NAME_LENGTH, SERVER_LENGTH, FREQUENCY_LENGTH, ATIS_LINES, ATIS_LINE_LENGTH = 100, 40, 12, 100, 500
HPA_PER_INCH = 33.8639
SQUAWKS = frozenset(f"{code:04o}" for code in range(8**4))
# A record's own time is at most 177 s older than its feed (96,557 records); a day is no record.
MOST_RECORD_AGE = timedelta(days=1)
# Of any time; the ends of the calendar overflow when something is added, or in another zone.
YEARS = range(2000, 3000)


@dataclass(slots=True)
class Feed:
    """A parsed feed. Pilots, controllers, stations and prefiles stand under (cid, callsign).

    `feed_at` is the feed's own time in whole milliseconds. `counts` counts records as they came.
    `references` holds the feed's own lists of ratings and facilities,
    `new_keys` names keys that no release of the feed was known to have, as `kind.key`.
    """

    feed_at: datetime
    general: General
    pilots: dict[Key, Pilot]
    controllers: dict[Key, Controller]
    atis: dict[Key, Atis]
    prefiles: dict[Key, Prefile]
    servers: list[Server]
    references: dict[str, Any]
    counts: "Counts"
    rejects: Rejects
    new_keys: list[str]


class Counts(NamedTuple):
    """What tells whether a feed can be true.

    `pilots` are the good records, `clients` all that the feed lists.
    """

    feed_at: datetime
    pilots: int
    clients: int
    connected_clients: int


def read_counts(content: bytes) -> Counts:
    """The time and numbers of a body, which costs half of parsing it. Raises `FeedRejected`."""
    rejects = Rejects()
    return _counts(decode_feed(content, rejects), rejects)


def _counts(body: Any, rejects: Rejects) -> Counts:
    general: General = body.general
    if general.update_timestamp.year not in YEARS:
        raise FeedRejected("form", f"The feed's time is {general.update_timestamp}.")
    listed = {kind: len(getattr(body, kind)) for kind in _CONNECTED}
    for (kind, _), n in rejects.counts.items():
        if kind in listed:
            listed[kind] += n
    return Counts(
        feed_at=whole_milliseconds(general.update_timestamp),
        pilots=len(body.pilots),
        clients=sum(listed.values()),
        connected_clients=general.connected_clients,
    )


def parse_feed(content: bytes) -> Feed:
    """The feed in a `vatsim-data.json` body. Raises `FeedRejected`."""
    rejects = Rejects()
    body = decode_feed(content, rejects)
    counts = _counts(body, rejects)
    feed_at = counts.feed_at
    for pilot in body.pilots:
        _validate_motion(pilot)
        _validate_setting(pilot)
    for station in (*body.controllers, *body.atis):
        _validate_controller(station)
    return Feed(
        feed_at=feed_at,
        general=body.general,
        pilots=_latest_of_each("pilots", body.pilots, feed_at, rejects),
        controllers=_latest_of_each("controllers", body.controllers, feed_at, rejects),
        atis=_latest_of_each("atis", body.atis, feed_at, rejects),
        prefiles=_latest_of_each("prefiles", body.prefiles, feed_at, rejects),
        servers=body.servers,
        references={name: _entries(getattr(body, name)) for name in REFERENCES},
        counts=counts,
        rejects=rejects,
        new_keys=unknown_keys(body),
    )


def _entries(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of a reference list; the feed has fourteen ratings at most."""
    return [storable(entry) for entry in listed[:MOST_ENTRIES]]


_CONNECTED = ("pilots", "controllers", "atis")


def whole_milliseconds(at: datetime) -> datetime:
    """`at` in UTC, cut to milliseconds."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def parse_transceivers(content: bytes) -> tuple[dict[str, list[Transceiver]], Rejects]:
    """The radios of each callsign in a `transceivers-data.json` body. Raises `FeedRejected`."""
    rejects = Rejects()
    clients = decode_radios(content, rejects)
    return {clean(client.callsign, 20): client.transceivers for client in clients}, rejects


ClientT = TypeVar("ClientT", bound=Client)


def _latest_of_each(
    kind: str, records: Iterable[ClientT], feed_at: datetime, rejects: Rejects
) -> dict[Key, ClientT]:
    """The record with the latest `last_updated` under each (cid, callsign).

    Clients of the network's own services are left out.
    """
    latest: dict[Key, ClientT] = {}
    earliest, last = feed_at - MOST_RECORD_AGE, feed_at + MOST_RECORD_AGE
    for record in records:
        callsign, name = record.callsign, record.name
        if record.cid <= 0 or callsign in SERVICE_CALLSIGNS:
            continue
        if not callsign.isprintable():
            rejects.add(kind, "callsign has characters that can't be printed", _json(record))
            continue
        if not name.isprintable() or len(name) > NAME_LENGTH:
            record.name = clean(name, NAME_LENGTH)
        if kind != "prefiles" and not earliest <= record.last_updated <= last:
            rejects.add(kind, "last_updated is over a day away from the feed's time", _json(record))
            continue
        since = record.last_updated if kind == "prefiles" else record.logon_time  # type: ignore[attr-defined]
        if since.year not in YEARS:
            rejects.add(kind, "a time is out of range", _json(record))
            continue
        key = record.cid, callsign
        if key not in latest or latest[key].last_updated < record.last_updated:
            latest[key] = record
    return latest


def _json(record: Struct) -> bytes:
    return msgspec.json.encode(record)


def _validate_motion(pilot: Pilot) -> None:
    """Set to None what can't be true of a pilot's place, height and speed."""
    lat, lon, speed, altitude = pilot.latitude, pilot.longitude, pilot.groundspeed, pilot.altitude
    if lat is None or lon is None or not _is_place(lat, lon):
        pilot.latitude = pilot.longitude = None
    if speed is None or not 0 <= speed <= 2160:
        speed = pilot.groundspeed = None
    # A simulator that has not loaded yet is at speed and at height 0.
    if (
        altitude is None
        or not -2000 <= altitude <= 100_000
        or (altitude == 0 and (speed or 0) > 150)
    ):
        pilot.altitude = None
    if pilot.heading is not None and not 0 <= pilot.heading < 360:
        pilot.heading %= 360


def _is_place(lat: float, lon: float) -> bool:
    return -90 <= lat <= 90 and -180 <= lon <= 180 and not lat == lon == 0


def _validate_setting(pilot: Pilot) -> None:
    """Set to None a squawk that can't be; bring the two forms of QNH in line."""
    if pilot.transponder not in SQUAWKS:
        pilot.transponder = None
    inches, hpa = pilot.qnh_i_hg, pilot.qnh_mb
    if inches is None or hpa is None or not _is_qnh(inches, hpa):
        pilot.qnh_i_hg, pilot.qnh_mb = _qnh(inches, hpa)
    if len(pilot.server) > SERVER_LENGTH or not pilot.server.isprintable():
        pilot.server = clean(pilot.server, SERVER_LENGTH)


def _is_qnh(inches: float, hpa: int) -> bool:
    return 861 <= hpa <= 1096 and -1 <= inches * HPA_PER_INCH - hpa <= 1


def _qnh(inches: float | None, hpa: int | None) -> tuple[float | None, int | None]:
    """Inches of mercury are believed before hectopascals; None where neither can be true."""
    if inches is not None and 861 <= inches * HPA_PER_INCH <= 1096:
        return inches, round(inches * HPA_PER_INCH)
    if hpa is not None and 861 <= hpa <= 1096:
        return round(hpa / HPA_PER_INCH, 2), hpa
    return None, None


def _validate_controller(station: Controller) -> None:
    station.frequency = clean(station.frequency, FREQUENCY_LENGTH)
    station.server = clean(station.server, SERVER_LENGTH)
    if station.text_atis is not None:
        lines = station.text_atis[:ATIS_LINES]
        station.text_atis = [clean(line, ATIS_LINE_LENGTH) for line in lines]
    if isinstance(station, Atis) and station.atis_code is not None:
        station.atis_code = clean(station.atis_code, 4)
