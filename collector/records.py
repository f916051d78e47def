"""The records of a feed, one type for each kind (VATSIM data feed v3).

Flight plans stay raw JSON: they seldom change, and bytes compare faster than they parse
(`plans.py` reads them). Times are aware datetimes in UTC.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

Int = Annotated[int, Meta(ge=-(2**31), lt=2**31)]
Cid = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Time = Annotated[datetime, Meta(tz=True)]
Height = Annotated[float, Meta(ge=-100_000, le=1_000_000)]
Callsign = Annotated[str, Meta(min_length=1, max_length=20)]

Key = tuple[int, str]  # (cid, callsign)


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
