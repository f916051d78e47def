"""Every table of the database, to compare what it holds."""

from django.db import connection

DUMP = "SELECT t::text FROM {table} AS t ORDER BY 1"
FACTS = "SELECT {key}, (to_jsonb(t) - %s::text[])::text FROM {table} AS t {join} ORDER BY 1, 2"


def contents() -> dict[str, list[str]]:
    """Every row, as PostgreSQL writes it, by table or view."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor, include_views=True):
            cursor.execute(DUMP.format(table=connection.ops.quote_name(table)))
            found[table] = [row for (row,) in cursor.fetchall()]
        return found


def checksums() -> dict[str, int]:
    """A number by table or view that another row, or one more, would change."""
    return {table: hash(tuple(rows)) for table, rows in contents().items()}


# A table, what of a row tells when and in which order it was written, and whose it is.
_WRITTEN = {
    "collector_flight": (["id", "plan_id", "continues_id"], ""),
    "collector_flightplan": (["id", "flight_id"], "flight"),
    "collector_presence": (["id", "flight_id"], "flight"),
    "collector_position": (["flight_id"], "flight"),
    "collector_prefile": (["id", "flight_id"], "flight"),
    "collector_controllersession": (["id"], ""),
    "collector_sessionperiod": (["id", "session_id"], "session"),
    "collector_tuning": (["id"], ""),
    "collector_poll": (["fetched_at", "fetch_seconds", "stored_bytes"], ""),
}
_OWNERS = {"flight": "collector_flight", "session": "collector_controllersession"}


def facts() -> dict[str, list[tuple[str, ...]]]:
    """What the feeds said, without ids and moments of fetching, by table or view."""
    found = {}
    with connection.cursor() as cursor:
        for table, (left_out, owner) in _WRITTEN.items():
            join, key = "", "''"
            if owner:
                join = f"LEFT JOIN {_OWNERS[owner]} AS o ON o.id = t.{owner}_id"
                key = "concat_ws(' ', o.cid, o.callsign, o.first_seen_at)"
            query = FACTS.format(key=key, table=table, join=join)
            cursor.execute(query, [left_out])
            found[table] = cursor.fetchall()
    return found
