"""What the same work costs done plainly, in the same run on the same machine."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import connection, models

from benchmarks.meter import cpu_of_tree, cpu_seconds, wal_bytes
from vatsim_site.embedded.servers import RunningServer

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


class PlainPosition(models.Model):
    """Positions as a Django model would have them at first thought."""

    flight_id = models.BigIntegerField(db_index=True)
    feed_at = models.DateTimeField(db_index=True)
    at = models.DateTimeField()
    latitude = models.FloatField()
    longitude = models.FloatField()
    altitude = models.IntegerField()
    groundspeed = models.IntegerField()
    heading = models.IntegerField()
    qnh_i_hg = models.FloatField()

    class Meta:
        """Not a table of any application."""

        app_label = "benchmarks"

    def __str__(self) -> str:
        return str(self.flight_id)


def measure(body: bytes, rows: int, postgres: RunningServer) -> dict[str, float]:
    """CPU and WAL of `orjson.loads`, of COPY and of `bulk_create`, all per aircraft."""
    loads_s = min(cpu_seconds(lambda: orjson.loads(body)) for _ in range(3))
    with connection.schema_editor() as editor:
        editor.create_model(PlainPosition)
    figures = {"orjson_loads_cpu_us": round(loads_s / rows * 1e6, 2)}
    figures |= _write("copy", lambda: _copy(rows), rows, postgres)
    figures |= _write("bulk_create", lambda: _bulk_create(rows), rows, postgres)
    with connection.schema_editor() as editor:
        editor.delete_model(PlainPosition)
    return figures


def _write(
    name: str, action: Callable[[], Any], rows: int, postgres: RunningServer
) -> dict[str, float]:
    server_s, wal = cpu_of_tree(postgres.pid), wal_bytes()
    client_s = cpu_seconds(action)
    server_s = cpu_of_tree(postgres.pid) - server_s
    return {
        f"{name}_cpu_us": round((client_s + server_s) / rows * 1e6, 2),
        f"{name}_wal_bytes": round((wal_bytes() - wal) / rows, 1),
    }


def _values(flight: int) -> tuple[Any, ...]:
    at = AT + timedelta(milliseconds=flight)
    return flight, AT, at, 50.0 + flight / 1e5, 8.0, 35_000, 450, 90, 29.92


_COLUMNS = "flight_id, feed_at, at, latitude, longitude, altitude, groundspeed, heading, qnh_i_hg"


def _copy(rows: int) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {PlainPosition._meta.db_table} ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for flight in range(rows):
            copy.write_row(_values(flight))


def _bulk_create(rows: int) -> None:
    names = _COLUMNS.split(", ")
    PlainPosition.objects.bulk_create(
        [PlainPosition(**dict(zip(names, _values(n), strict=True))) for n in range(rows)],
        batch_size=5000,
    )
