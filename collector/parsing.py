"""Parses a feed's two JSON bodies into typed, validated records (VATSIM data feed v3).

All records of a kind are decoded at once. Only when one of them is bad is each decoded by itself,
so that one bad record costs that record and no other. Flight plans stay raw JSON: they seldom
change, and bytes compare faster than they parse (`plans.py` reads them).

Times are aware datetimes in UTC. A feed's own time is cut to milliseconds, since it is also the
id of its entry in the buffer.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct

from collector.text import clean, clean_json, storable

Int = Annotated[int, Meta(ge=-(2**31), lt=2**31)]
Cid = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Time = Annotated[datetime, Meta(tz=True)]
Height = Annotated[float, Meta(ge=-100_000, le=1_000_000)]
Callsign = Annotated[str, Meta(min_length=1, max_length=20)]

# Clients of the network's own services, which are neither pilots nor controllers.
SERVICE_CALLSIGNS = frozenset({"AFVDATA", "AFV-SLURPER", "DATA", "DATASVR", "SUP"})
# Lengths that text is cut to. The longest route among 96,557 recorded pilots had 1,081 characters.
NAME_LENGTH, SERVER_LENGTH, FREQUENCY_LENGTH, ATIS_LINES, ATIS_LINE_LENGTH = 100, 40, 12, 100, 500
# Keys beyond a kind's own that are kept of a record, and that a decoder knows at a time: a feed
# of random keys must not fill the memory.
MOST_UNKNOWN_KEYS, MOST_LEARNED_KEYS = 16, 32
MOST_ENTRIES = 100
KEPT_REJECTS = 10
HPA_PER_INCH = 33.8639
SQUAWKS = frozenset(f"{code:04o}" for code in range(8**4))
# A record's own time is at most 177 s older than its feed (96,557 records); a day is no record.
MOST_RECORD_AGE = timedelta(days=1)
# Of any time; the ends of the calendar overflow when something is added, or in another zone.
YEARS = range(2000, 3000)


class FeedRejected(Exception):
    """A whole body that is not a feed. `reason` is a slug, the message says what is wrong."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Record(Struct, gc=False, forbid_unknown_fields=True):
    """What every kind of record has in common."""


class General(Struct, gc=False):
    """The feed's header."""

    update_timestamp: Time
    connected_clients: Int
    unique_users: Int
    version: Int = 3
    reload: Int = 0


class Client(Record):
    """Somebody who is connected, or who filed a plan."""

    cid: Cid
    name: str
    callsign: Callsign
    last_updated: Time


class Pilot(Client):
    """A pilot: altitude in feet above mean sea level, speed in knots, heading magnetic.

    A value that cannot be true is None; without a believable place both coordinates are.
    """

    server: str
    pilot_rating: Int
    latitude: float | None
    longitude: float | None
    altitude: Int | None
    groundspeed: Int | None
    transponder: str | None
    heading: Int | None
    qnh_i_hg: float | None
    qnh_mb: Int | None
    flight_plan: Raw
    logon_time: Time
    military_rating: Int | None = None


class Controller(Client):
    """A controller, observer or supervisor; `frequency` is MHz as text."""

    frequency: str
    facility: Int
    rating: Int
    server: str
    visual_range: Int
    text_atis: list[str] | None
    logon_time: Time


class Atis(Controller):
    """A station that broadcasts an ATIS."""

    atis_code: str | None = None


class Prefile(Client):
    """A flight plan that was filed without being connected."""

    flight_plan: Raw


class Server(Record):
    """One of the network's servers."""

    ident: str
    hostname_or_ip: str
    location: str
    name: str
    clients_connection_allowed: Int | None = None
    client_connections_allowed: bool | None = None
    is_sweatbox: bool | None = None


class Transceiver(Struct, gc=False):
    """One radio: `frequency` in Hz, antenna in degrees; heights are metres."""

    id: Int
    frequency: Annotated[int, Meta(ge=0, lt=2**31)]
    latitude: Annotated[float, Meta(ge=-90, le=90)] = msgspec.field(name="latDeg")
    longitude: Annotated[float, Meta(ge=-180, le=180)] = msgspec.field(name="lonDeg")
    height_msl_m: Height = msgspec.field(name="heightMslM")
    height_agl_m: Height = msgspec.field(name="heightAglM")


class Radios(Struct, gc=False):
    """All radios of one client."""

    callsign: Callsign
    transceivers: list[Transceiver]


class RejectedRecord(NamedTuple):
    """A record that could not be taken, with the reason and the start of its JSON."""

    kind: str
    reason: str
    record: str


@dataclass(slots=True)
class Rejects:
    """Counts rejected records by kind and reason, and keeps the last few."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: list[RejectedRecord] = field(default_factory=list)

    def add(self, kind: str, reason: str, record: bytes) -> None:
        """Count one record of `kind`; `record` is its JSON."""
        self.counts[kind, reason] += 1
        text = clean(record[:4000].decode("utf-8", "replace"), 4000)
        self.last = [*self.last, RejectedRecord(kind, reason, text)][-KEPT_REJECTS:]

    def include(self, others: "Rejects") -> None:
        """Add what another body counted."""
        self.counts.update(others.counts)
        self.last = [*self.last, *others.last][-KEPT_REJECTS:]


Key = tuple[int, str]  # (cid, callsign)


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


class _Decoder:
    """Decodes one type of record, and learns the keys that the feed adds to it.

    A learned key becomes an optional field of the type, so that a new key slows down only the
    first feed that has it.
    """

    def __init__(self, kind: str, base: type[Struct]) -> None:
        self.kind = kind
        self.base = base
        self.learned: list[str] = []
        own = msgspec.structs.fields(base)
        self._own, self._count = {f.encode_name for f in own}, len(own)
        self._build()

    def _build(self) -> None:
        names = {f"learned_{i}": key for i, key in enumerate(self.learned)}
        self.type: Any = self.base
        if names:
            self.type = msgspec.defstruct(
                self.base.__name__,
                [(name, Any, UNSET) for name in names],
                bases=(self.base,),
                rename=names,
                gc=False,
                forbid_unknown_fields=True,
            )
        self._decode = msgspec.json.Decoder(self.type).decode

    def decode(self, item: bytes) -> Any:
        """The record in `item`; raises msgspec's errors."""
        try:
            return self._decode(item)
        except msgspec.ValidationError:
            record = msgspec.json.decode(item)
            if not isinstance(record, dict) or record.keys() <= self._own:
                raise
            record = msgspec.json.decode(item, type=dict[str, Raw])
            kept = sorted(key for key in record if key not in self._own and _is_nameable(key))
            kept = kept[:MOST_UNKNOWN_KEYS]
            self._learn(kept)
            for key in record.keys() - self._own - set(kept):
                del record[key]
            return self._decode(msgspec.json.encode(record))

    def decode_each(self, items: Raw, rejects: Rejects) -> list[Any]:
        """The good records of a JSON list; the others are counted in `rejects`."""
        records = []
        for item in msgspec.json.decode(items, type=list[Raw]):
            try:
                records.append(self.decode(bytes(item)))
            except msgspec.DecodeError as error:
                rejects.add(self.kind, _reason(error), bytes(item))
        return records

    def extras(self, record: Struct) -> dict[str, Any]:
        """The values of the keys that `record` has beyond its kind's own: a few, in their order."""
        names = {f.encode_name: f.name for f in msgspec.structs.fields(record)[self._count :]}
        values = {key: getattr(record, names[key]) for key in sorted(names)}
        present = [(key, value) for key, value in values.items() if value is not UNSET]
        return {key: storable(value) for key, value in present[:MOST_UNKNOWN_KEYS]}

    def _learn(self, keys: list[str]) -> None:
        """Make fields of the keys; those of before are forgotten where there are too many."""
        new = [key for key in keys if key not in self.learned]
        if new:
            room = len(self.learned) + len(new) <= MOST_LEARNED_KEYS
            self.learned = [*self.learned, *new] if room else keys
            self._build()


def _is_nameable(key: str) -> bool:
    """Whether a key may become a field's name."""
    return len(key) <= 64 and key.isprintable() and not set(key) & set('\\"')


class _Envelope(Record):
    """The feed's outermost object, with its lists still raw."""

    general: General
    pilots: Raw
    controllers: Raw
    atis: Raw = Raw(b"[]")
    servers: Raw = Raw(b"[]")
    prefiles: Raw = Raw(b"[]")
    facilities: list[dict[str, Any]] = []
    ratings: list[dict[str, Any]] = []
    pilot_ratings: list[dict[str, Any]] = []
    military_ratings: list[dict[str, Any]] = []


_REFERENCES = ("facilities", "ratings", "pilot_ratings", "military_ratings")
_ENVELOPE = _Decoder("feed", _Envelope)
_KINDS: dict[str, type[Struct]] = {
    "pilots": Pilot,
    "controllers": Controller,
    "atis": Atis,
    "servers": Server,
    "prefiles": Prefile,
}
_DECODERS = {kind: _Decoder(kind, base) for kind, base in _KINDS.items()}
_ALL = (_ENVELOPE, *_DECODERS.values())
# The decoder of everything at once, with the types that it was made of.
_whole: tuple[tuple[type, ...], msgspec.json.Decoder[Any]] | None = None


def _whole_decoder() -> msgspec.json.Decoder[Any]:
    """Decodes a body in which every record is good, in one pass."""
    global _whole
    types = tuple(decoder.type for decoder in _ALL)
    if _whole is None or _whole[0] != types:
        lists: dict[str, Any] = {d.kind: list.__class_getitem__(d.type) for d in _ALL[1:]}
        needed = [(kind, lists.pop(kind)) for kind in ("pilots", "controllers")]
        feed = msgspec.defstruct(
            "Feed",
            [*needed, *((kind, of, []) for kind, of in lists.items())],
            bases=(_ENVELOPE.type,),
            forbid_unknown_fields=True,
            gc=False,
        )
        _whole = types, msgspec.json.Decoder(feed)
    return _whole[1]


def _decode(content: bytes, rejects: Rejects) -> Any:
    """The envelope with lists of records; bad records are counted in `rejects`."""
    try:
        return _whole_decoder().decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A bad record, or a string with half a surrogate pair.
        envelope = _ENVELOPE.decode(_repaired(content))
        for kind, decoder in _DECODERS.items():
            setattr(envelope, kind, decoder.decode_each(getattr(envelope, kind), rejects))
        return envelope


def _repaired(content: bytes) -> bytes:
    """A body whose strings can be decoded. Raises `FeedRejected` if it is not UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        raise FeedRejected("encoding", "The body is not UTF-8.") from None
    return clean_json(content)


def _decode_or_reject(content: bytes, rejects: Rejects) -> Any:
    try:
        return _decode(content, rejects)
    except RecursionError:
        raise FeedRejected("nested", "The body is nested too deep.") from None
    except msgspec.ValidationError as error:
        raise FeedRejected("form", f"The body is no feed: {_reason(error)}.") from None
    except msgspec.DecodeError as error:
        raise FeedRejected("json", f"The body is no JSON: {_reason(error)}.") from None


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
    return _counts(_decode_or_reject(content, rejects), rejects)


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
    body = _decode_or_reject(content, rejects)
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
        references={name: _entries(getattr(body, name)) for name in _REFERENCES},
        counts=counts,
        rejects=rejects,
        new_keys=_new_keys(body),
    )


def _entries(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of a reference list; the feed has fourteen ratings at most."""
    return [storable(entry) for entry in listed[:MOST_ENTRIES]]


def _new_keys(body: Any) -> list[str]:
    """The keys in this body that the types did not have from the start."""
    keys = {f"feed.{key}" for key in _ENVELOPE.extras(body)}
    for kind, decoder in _DECODERS.items():
        if decoder.learned:
            for record in getattr(body, kind):
                keys.update(f"{kind}.{key}" for key in decoder.extras(record))
    return sorted(keys)


_CONNECTED = ("pilots", "controllers", "atis")


def extras_reader(kind: str) -> Callable[[Struct], dict[str, Any]] | None:
    """What reads a record's values of keys that nobody knew; None while there are no such keys."""
    decoder = _DECODERS[kind]
    return decoder.extras if decoder.learned else None


def whole_milliseconds(at: datetime) -> datetime:
    """`at` in UTC, cut to milliseconds."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def parse_transceivers(content: bytes) -> tuple[dict[str, list[Transceiver]], Rejects]:
    """The radios of each callsign in a `transceivers-data.json` body. Raises `FeedRejected`."""
    rejects = Rejects()
    try:
        clients = _decode_radios(content, rejects)
    except RecursionError:
        raise FeedRejected("nested", "The transceivers are nested too deep.") from None
    except msgspec.ValidationError as error:
        raise FeedRejected("form", f"The transceivers are no list: {_reason(error)}.") from None
    except msgspec.DecodeError as error:
        raise FeedRejected("json", f"The transceivers are no JSON: {_reason(error)}.") from None
    return {clean(client.callsign, 20): client.transceivers for client in clients}, rejects


_RADIOS = msgspec.json.Decoder(list[Radios])


def _decode_radios(content: bytes, rejects: Rejects) -> list[Radios]:
    """The good clients; the others are counted in `rejects`."""
    try:
        return _RADIOS.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Decoder("transceivers", Radios).decode_each(Raw(_repaired(content)), rejects)


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


def _reason(error: Exception) -> str:
    """What was wrong, without the place in the list, so that equal reasons count together."""
    text = str(error)
    if "unknown field" in text:
        return "unknown keys that are too many or too odd"
    message, _, path = text.partition(" - at `$")
    return message + (f" at {path.rstrip('`').lstrip('.')}" if path.startswith(".") else "")
