"""How pages name columns, and write quantities with their units."""

from django.utils.text import capfirst

# Only where the column's own name doesn't read as a label.
LABELS = {
    "active_at": "Active since",
    "aircraft": "Aircraft and equipment",
    "aircraft_faa": "Aircraft, FAA form",
    "aircraft_short": "Aircraft",
    "altitude": "Filed altitude",
    "assigned_transponder": "Assigned squawk",
    "at": "At",
    "atis": "ATIS stations",
    "atis_code": "ATIS letter",
    "cid": "CID",
    "cruise_altitude_certain": "Altitude is certain",
    "cruise_tas": "Cruise speed (TAS, kt)",
    "deptime": "Departure time",
    "enroute_time": "Time en route",
    "entry_id": "Id in the buffer",
    "erasures": "Members erased",
    "estimated_off_block_at": "Estimated off block",
    "extra": "Unknown keys",
    "feed_at": "Feed of",
    "fetched_at": "Fetched at",
    "fuel_time": "Fuel for",
    "has_transceivers": "With transceivers",
    "last_updated": "Updated at",
    "logon_time": "Logged on at",
    "revision_id": "Revision",
    "rejected": "Rejected records",
    "since_at": "First feed",
    "text_atis": "ATIS text",
    "transceivers_error": "Error of transceivers",
    "transponder": "Squawk",
    "tuned_at": "On frequency since",
    "until_at": "Last feed",
}
HELP = {
    "controllers": "without observers and supervisors",
    "feed_at": "the feed's own time",
    "fetched_at": "by this machine's clock",
    "last_seen_at": "empty while the newest feed has it",
    "rejected": "that could not be taken",
    "until_at": "empty while it goes on",
}


def label_of(column: str) -> str:
    """What a page calls a column."""
    return LABELS.get(column) or capfirst(column.replace("_", " "))


def quantity(value: float | None, unit: str, digits: int = 0) -> str:
    """A rounded number with its unit; a dash where it is not known."""
    return "-" if value is None else f"{value:,.{digits}f}\N{NO-BREAK SPACE}{unit}"


def place(latitude: float, longitude: float) -> str:
    """A point to some hundred metres."""
    north, east = "NS"[latitude < 0], "EW"[longitude < 0]
    return f"{abs(latitude):.3f}°{north}\N{NO-BREAK SPACE}{abs(longitude):.3f}°{east}"


def route(departure: str, arrival: str) -> str:
    """From where to where, as far as it is known."""
    if not (departure or arrival):
        return "-"
    return f"{departure or '?'} \N{EN DASH} {arrival or '?'}"
