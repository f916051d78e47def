"""What the collector tells others, as event types of the bus.

Payloads name flights and sessions by their ids and callsigns, never members: who may know them
looks them up. `feed_at` is the time of the feed that showed the fact.
"""

from datetime import datetime

from msgspec import Struct

from monitoring.events.signals import EventSignal


class FlightCreated(Struct, frozen=True):
    """A flight was seen for the first time."""

    flight_id: int
    callsign: str
    departure: str
    arrival: str
    aircraft: str
    flight_rules: str
    continues_id: int | None


class FlightEnded(Struct, frozen=True):
    """A flight is over: why, and whether it was ever in the air and down again."""

    flight_id: int
    callsign: str
    departure: str
    arrival: str
    first_seen_at: datetime
    ended_at: datetime
    reason: str
    flown: bool
    landed: bool


class FlightsUpdated(Struct, frozen=True):
    """How many flights a feed changed."""

    feed_at: datetime
    created: int
    ended: int
    changed: int
    plans: int
    missing: int


class ControllerSeen(Struct, frozen=True):
    """A controller came or left."""

    session_id: int
    callsign: str
    frequency: str
    facility: int
    rating: int
    status: str


class FrequencyChanged(Struct, frozen=True):
    """A controller is on another frequency (MHz)."""

    session_id: int
    callsign: str
    old_frequency: str
    frequency: str


class PositionsUpdated(Struct, frozen=True):
    """How many aircraft a feed showed, and how many of them in a new place."""

    feed_at: datetime
    pilots: int
    positions: int


class DataFetched(Struct, frozen=True):
    """A body of the feed was fetched: bytes as they came, and seconds that it took."""

    feed_at: datetime
    fetched_at: datetime
    seconds: float
    bytes: int
    has_transceivers: bool
    transceivers_error: str


class DataProcessed(Struct, frozen=True):
    """What became of a body: `accepted`, `dropped` or `rejected`, and why if not accepted."""

    feed_at: datetime
    outcome: str
    reason: str
    pilots: int
    controllers: int
    rejected_records: int


class DataStored(Struct, frozen=True):
    """A feed is in the database."""

    feed_at: datetime
    positions: int


class DataCached(Struct, frozen=True):
    """The live lists know the ids of what was stored."""

    feed_at: datetime
    flights: int
    sessions: int


FLIGHT_CREATED = EventSignal("FLIGHT_CREATED", FlightCreated, service="collector")
FLIGHT_UPDATED = EventSignal("FLIGHT_UPDATED", FlightsUpdated, service="collector")
FLIGHT_COMPLETED = EventSignal("FLIGHT_COMPLETED", FlightEnded, service="collector")
FLIGHT_CANCELLED = EventSignal("FLIGHT_CANCELLED", FlightEnded, service="collector")
CONTROLLER_LOGON = EventSignal("CONTROLLER_LOGON", ControllerSeen, service="collector")
CONTROLLER_LOGOFF = EventSignal("CONTROLLER_LOGOFF", ControllerSeen, service="collector")
FREQUENCY_CHANGE = EventSignal("FREQUENCY_CHANGE", FrequencyChanged, service="collector")
POSITION_UPDATE = EventSignal("POSITION_UPDATE", PositionsUpdated, service="collector")
DATA_FETCHED = EventSignal("DATA_FETCHED", DataFetched, service="collector")
DATA_PROCESSED = EventSignal("DATA_PROCESSED", DataProcessed, service="collector")
DATA_STORED = EventSignal("DATA_STORED", DataStored, service="collector")
DATA_CACHED = EventSignal("DATA_CACHED", DataCached, service="collector")
