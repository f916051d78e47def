"""Columns of a track as lists of plain values, absent ones as None."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def times(at_ms: npt.NDArray[np.int64]) -> list[datetime]:
    """Milliseconds since 1970 as aware times."""
    return [EPOCH + timedelta(milliseconds=ms) for ms in at_ms.tolist()]


def integers(values: npt.NDArray[np.float64]) -> list[int | None]:
    """Whole numbers; NaN is None."""
    return _absent(values, np.where(np.isnan(values), 0, values).astype(np.int64).tolist())


def numbers(values: npt.NDArray[np.float64]) -> list[float | None]:
    """Numbers; NaN is None."""
    return _absent(values, values.tolist())


def _absent(values: npt.NDArray[np.float64], plain: list[Any]) -> list[Any]:
    for index in np.flatnonzero(np.isnan(values)).tolist():
        plain[index] = None
    return plain
