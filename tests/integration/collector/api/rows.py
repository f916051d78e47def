"""Rows to compare."""

import json
from datetime import datetime

from tests.integration.collector.simulated import simulated

Row = dict
FLIGHTS_NOT_HELD = ("id", "qnh_mb")  # ids come with the flush, qnh_mb follows from qnh_i_hg
POSITIONS_NOT_HELD = ("id", "position", "last_updated")  # nor do antennas show before the flush


def feed(feed_at: datetime) -> dict:
    """A feed of the made-up network, as it came."""
    return json.loads(simulated(feed_at)[0])


def by_callsign(rows: list[Row]) -> dict[str, Row]:
    """Rows under their callsigns."""
    return {row["callsign"]: row for row in rows}


def as_held(rows: dict[str, Row]) -> dict[str, Row]:
    """What history can say of rows: times in milliseconds, nothing that it does not hold."""
    return {callsign: _as_held(row) for callsign, row in rows.items()}


def _as_held(row: Row) -> Row:
    if "facility" in row:
        return {key: value for key, value in row.items() if key not in POSITIONS_NOT_HELD}
    held = {key: value for key, value in row.items() if key not in FLIGHTS_NOT_HELD}
    moment = datetime.fromisoformat(row["last_updated"])
    return held | {"last_updated": moment.replace(microsecond=moment.microsecond // 1000 * 1000)}
