"""All rows of an installation in a form that can be compared with those of another.

Surrogate ids give way to what they stand for, and columns of the wall clock are left out.
"""

from collections import Counter
from typing import Any, NamedTuple


class _Table(NamedTuple):
    """How a table is read: what its ids stand for, which columns are left out, and joins."""

    stands_for: str = "'{}'"
    left_out: tuple[str, ...] = ()
    joins: str = ""


_OF_FLIGHT = _Table(
    "jsonb_build_object('flight', concat_ws(' ', f.cid, f.callsign, f.first_seen_at))",
    ("flight_id",),
    "LEFT JOIN collector_flight f ON f.id = t.flight_id",
)
_TABLES = {
    "flight": _Table(
        "jsonb_build_object('plan', p.feed_at, 'continues', f.first_seen_at)",
        ("plan_id", "continues_id"),
        """LEFT JOIN collector_flightplan p ON p.id = t.plan_id
           LEFT JOIN collector_flight f ON f.id = t.continues_id""",
    ),
    "presence": _OF_FLIGHT,
    "flightplan": _OF_FLIGHT,
    "prefile": _OF_FLIGHT,
    "position": _OF_FLIGHT,
    "controllersession": _Table(),
    "sessionperiod": _Table(
        "jsonb_build_object('session', concat_ws(' ', s.cid, s.callsign, s.first_seen_at))",
        ("session_id",),
        "LEFT JOIN collector_controllersession s ON s.id = t.session_id",
    ),
    "tuning": _Table(),
    "poll": _Table(left_out=("fetched_at", "fetch_seconds", "stored_bytes")),
    "rejectedrecord": _Table(),
    "unknownkey": _Table(),
    "reference": _Table(),
}

Rows = dict[str, Counter[str]]


def read_rows(cursor: Any) -> Rows:
    """The rows of each table, each with how often it is there."""
    return {name: _read(cursor, name, table) for name, table in _TABLES.items()}


def _read(cursor: Any, name: str, table: _Table) -> Counter[str]:
    cursor.execute(
        f"SELECT (to_jsonb(t) - %s::text[] || {table.stands_for}::jsonb)::text"  # noqa: S608
        f" FROM collector_{name} t {table.joins}",
        [["id", *table.left_out]],
    )
    return Counter(row for (row,) in cursor.fetchall())


def assert_same(rows: Rows, expected: Rows) -> None:
    """Every row is there, once, and no other."""
    assert expected["position"], "nothing to compare"
    for name, wanted in expected.items():
        lost, surplus = wanted - rows[name], rows[name] - wanted
        example = "\n".join([*list(lost)[:2], "but there is", *list(surplus)[:2]])
        assert lost == surplus == Counter(), (
            f"{name}: {lost.total()} of {wanted.total()} rows are missing and"
            f" {surplus.total()} should not be there:\n{example}"
        )
