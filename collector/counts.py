"""Counts what a feed holds."""

from collections import Counter
from itertools import chain
from typing import Annotated, Any

from msgspec import Meta

from collector.callsigns import is_position
from collector.parsing import Feed
from collector.text import clean

Clients = Annotated[int, Meta(description="Connections to the network, as the feed itself counts")]
Users = Annotated[int, Meta(description="Members behind them, as the feed itself counts")]
Pilots = Annotated[int, Meta(description="Flights in the feed")]
Controllers = Annotated[
    int, Meta(description="Controllers whose callsign and facility are a position's, on air or not")
]
Observers = Annotated[
    int, Meta(description="The others among the feed's controllers: observers and supervisors")
]
Atis = Annotated[int, Meta(description="ATIS stations")]
Prefiles = Annotated[int, Meta(description="Flight plans filed without being connected")]


def count(feed: Feed) -> dict[str, Any]:
    """The feed's numbers, and each of its servers with the clients that are on it."""
    pilots, stations = feed.pilots.values(), chain(feed.controllers.values(), feed.atis.values())
    clients = Counter(pilot.server for pilot in pilots)
    clients.update(station.server for station in stations)
    controlling = sum(is_position(c.callsign, c.facility) for c in feed.controllers.values())
    return {
        "connected_clients": feed.general.connected_clients,
        "unique_users": feed.general.unique_users,
        "pilots": len(feed.pilots),
        "controllers": controlling,
        "observers": len(feed.controllers) - controlling,
        "atis": len(feed.atis),
        "prefiles": len(feed.prefiles),
        "servers": [
            {
                "ident": clean(server.ident, 40),
                "name": clean(server.name, 100),
                "location": clean(server.location, 100),
                "clients": clients[server.ident],
            }
            for server in feed.servers
        ],
    }
