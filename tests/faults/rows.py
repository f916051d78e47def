"""All rows of an installation in a form that can be compared with those of another.

Surrogate ids give way to what they stand for, and columns of the wall clock are left out.
"""

from collections import Counter
from typing import Any

_FLIGHT = "concat_ws(' ', f.cid, f.callsign, f.first_seen_at)"
_OF_FLIGHT = "LEFT JOIN collector_flight f ON f.id = t.flight_id"
_SESSION = "concat_ws(' ', s.cid, s.callsign, s.first_seen_at)"

# For each table its keys of other rows, what they stand for, columns left out, and its joins.
_TABLES: dict[str, tuple[str, str, str]] = {
    "flight": (
        "jsonb_build_object('plan', p.feed_at, 'continues', " + _FLIGHT + ")",
        "plan_id, continues_id",
        "LEFT JOIN collector_flightplan p ON p.id = t.plan_id"
        " LEFT JOIN collector_flight f ON f.id = t.continues_id",
    ),
    "presence": (f"jsonb_build_object('flight', {_FLIGHT})", "flight_id", _OF_FLIGHT),
    "flightplan": (f"jsonb_build_object('flight', {_FLIGHT})", "flight_id", _OF_FLIGHT),
    "prefile": (f"jsonb_build_object('flight', {_FLIGHT})", "flight_id", _OF_FLIGHT),
    "position": (f"jsonb_build_object('flight', {_FLIGHT})", "flight_id", _OF_FLIGHT),
    "controllersession": ("'{}'", "", ""),
    "sessionperiod": (
        f"jsonb_build_object('session', {_SESSION})",
        "session_id",
        "LEFT JOIN collector_controllersession s ON s.id = t.session_id",
    ),
    "tuning": ("'{}'", "", ""),
    "poll": ("'{}'", "fetched_at, fetch_seconds, stored_bytes", ""),
    "rejectedrecord": ("'{}'", "", ""),
    "unknownkey": ("'{}'", "", ""),
    "reference": ("'{}'", "", ""),
}

Rows = dict[str, Counter[str]]


def read_rows(cursor: Any) -> Rows:
    """The rows of each table, each with how often it is there."""
    return {table: _read(cursor, table, *spec) for table, spec in _TABLES.items()}


def _read(cursor: Any, table: str, stands_for: str, left_out: str, joins: str) -> Counter[str]:
    cursor.execute(
        f"SELECT (to_jsonb(t) - %s::text[] || {stands_for}::jsonb)::text"  # noqa: S608
        f" FROM collector_{table} t {joins}",
        [["id", *left_out.split(", ")]],
    )
    return Counter(row for (row,) in cursor.fetchall())


def assert_same(rows: Rows, expected: Rows) -> None:
    """Every row is there, once, and no other."""
    for table, wanted in expected.items():
        lost, surplus = wanted - rows[table], rows[table] - wanted
        example = "\n".join([*list(lost)[:2], "but there is", *list(surplus)[:2]])
        assert not lost and not surplus, (
            f"{table}: {lost.total()} of {wanted.total()} rows are missing and"
            f" {surplus.total()} should not be there:\n{example}"
        )
