"""Positions as Parquet, a row group for each batch, never more than one in memory."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyarrow import parquet

MEDIA_TYPE = "application/vnd.apache.parquet"
SCHEMA = pa.schema(
    [
        pa.field("flight_id", pa.int32(), nullable=False),
        pa.field("callsign", pa.dictionary(pa.int32(), pa.string())),
        pa.field("cid", pa.int64()),
        pa.field("at", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("latitude", pa.float64(), nullable=False),
        pa.field("longitude", pa.float64(), nullable=False),
        pa.field("altitude", pa.int32()),
        pa.field("groundspeed", pa.int16()),
        pa.field("heading", pa.int16()),
        pa.field("qnh_i_hg", pa.float64()),
    ]
)


class _Sink:
    """A file that gives away what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: Any) -> int:
        self._written += memoryview(content)
        return len(memoryview(content))

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """What was written since the last time."""
        content = bytes(self._written)
        self._written.clear()
        return content


def stream(batches: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The bytes of a Parquet file; each batch holds a column for each name of `SCHEMA`."""
    sink = _Sink()
    with parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), SCHEMA, compression="zstd") as file:
        for batch in batches:
            file.write_table(_table(batch))
            yield sink.take()
    yield sink.take()


def _table(batch: Mapping[str, Any]) -> pa.Table:
    arrays = [
        # NumPy's NaN stands for what is absent.
        pa.array(batch[field.name], from_pandas=True).cast(field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
