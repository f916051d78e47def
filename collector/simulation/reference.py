"""The lists at the end of the feed that tell what its numbers mean: VATSIM's own, fixed ones."""

FACILITIES = (
    (0, "OBS", "Observer"),
    (1, "FSS", "Flight Service Station"),
    (2, "DEL", "Clearance Delivery"),
    (3, "GND", "Ground"),
    (4, "TWR", "Tower"),
    (5, "APP", "Approach/Departure"),
    (6, "CTR", "Enroute"),
)
RATINGS = (
    (-1, "INAC", "Inactive"),
    (0, "SUS", "Suspended"),
    (1, "OBS", "Observer"),
    (2, "S1", "Tower Trainee"),
    (3, "S2", "Tower Controller"),
    (4, "S3", "Senior Student"),
    (5, "C1", "Enroute Controller"),
    (6, "C2", "Controller 2 (not in use)"),
    (7, "C3", "Senior Controller"),
    (8, "I1", "Instructor"),
    (9, "I2", "Instructor 2 (not in use)"),
    (10, "I3", "Senior Instructor"),
    (11, "SUP", "Supervisor"),
    (12, "ADM", "Administrator"),
)
PILOT_RATINGS = (
    (0, "NEW", "Basic Member"),
    (1, "PPL", "Private Pilot License"),
    (3, "IR", "Instrument Rating"),
    (7, "CMEL", "Commercial Multi-Engine License"),
    (15, "ATPL", "Airline Transport Pilot License"),
    (31, "FI", "Flight Instructor"),
    (63, "FE", "Flight Examiner"),
)
MILITARY_RATINGS = (
    (0, "M0", "No Military Rating"),
    (1, "M1", "Military Pilot License"),
    (3, "M2", "Military Instrument Rating"),
    (7, "M3", "Military Multi-Engine Rating"),
    (15, "M4", "Military Mission Ready Pilot"),
)
SERVERS = ("SIMULATED-1", "SIMULATED-2", "SIMULATED-3")


def reference_lists() -> dict[str, list[dict[str, object]]]:
    """The feed's lists `facilities` to `military_ratings`, in its order and with its keys."""
    short, named = ("id", "short", "long"), ("id", "short_name", "long_name")
    return {
        "facilities": [dict(zip(short, row, strict=True)) for row in FACILITIES],
        "ratings": [dict(zip(short, row, strict=True)) for row in RATINGS],
        "pilot_ratings": [dict(zip(named, row, strict=True)) for row in PILOT_RATINGS],
        "military_ratings": [dict(zip(named, row, strict=True)) for row in MILITARY_RATINGS],
    }


def servers() -> list[dict[str, object]]:
    """The feed's list `servers`, which says that there are none."""
    return [
        {
            "ident": name,
            "hostname_or_ip": "127.0.0.1",
            "location": "SIMULATED, nobody is there",
            "name": name,
            "clients_connection_allowed": 1,
            "client_connections_allowed": True,
            "is_sweatbox": False,
        }
        for name in SERVERS
    ]
