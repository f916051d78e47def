"""Every table of the database, to compare what it holds."""

from django.db import connection

DUMP = "SELECT t::text FROM {table} AS t ORDER BY 1"


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
