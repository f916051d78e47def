import io

import numpy as np
import pyarrow.parquet as pq

from collector.parquet import SCHEMA, stream


def batch(first_id: int, count: int) -> dict:
    return {
        "flight_id": np.arange(first_id, first_id + count),
        "callsign": [f"KLM{i}" for i in range(count)],
        "cid": [None, *range(1, count)],
        "at": np.arange(count).astype("datetime64[ms]"),
        "latitude": np.full(count, 52.3086),
        "longitude": np.full(count, -4.76),
        "altitude": np.array([np.nan, *range(1, count)], float),
        "groundspeed": np.full(count, 2160.0),
        "heading": np.full(count, 359.0),
        "qnh_i_hg": np.full(count, np.nan),
    }


def test_every_batch_is_a_row_group_and_nothing_is_lost():
    file = pq.ParquetFile(io.BytesIO(b"".join(stream([batch(1, 3), batch(10, 4)]))))
    assert (file.num_row_groups, file.metadata.num_rows) == (2, 7)
    rows = file.read().to_pylist()
    assert [row["flight_id"] for row in rows] == [1, 2, 3, 10, 11, 12, 13]
    assert (rows[0]["altitude"], rows[1]["altitude"]) == (None, 1)
    assert (rows[0]["cid"], rows[0]["qnh_i_hg"], rows[0]["longitude"]) == (None, None, -4.76)
    assert file.schema_arrow.names == SCHEMA.names


def test_a_batch_leaves_before_the_next_is_read():
    asked = []

    def batches():
        for i in range(3):
            asked.append(i)
            yield batch(i, 5)

    pieces = stream(batches())
    assert next(pieces).startswith(b"PAR1")
    assert asked == [0]


def test_no_positions_make_a_file_all_the_same():
    assert pq.ParquetFile(io.BytesIO(b"".join(stream([])))).metadata.num_rows == 0
