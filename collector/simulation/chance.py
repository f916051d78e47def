"""Chance without state: a draw depends on seed, subject and number alone (SplitMix64).

Nothing is drawn in sequence, so any flight at any time can be worked out by itself.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collector.simulation.columns import Flags, Floats, Integers

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Chance:
    """Draws of one seed; `what` names the subject, `ids` are whole numbers from 0."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, what: str, ids: ArrayLike) -> NDArray[np.uint64]:
        """64 even bits for each id."""
        key = blake2b(f"{self._seed}:{what}".encode(), digest_size=8).digest()
        z = np.atleast_1d(ids).astype(np.uint64) * _GOLDEN + np.uint64(int.from_bytes(key))
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        return z ^ (z >> np.uint64(31))

    def uniform(self, what: str, ids: ArrayLike, low: float = 0.0, high: float = 1.0) -> Floats:
        """A number from `low` to below `high` for each id."""
        share = (self.bits(what, ids) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return low + share * (high - low)

    def whole(self, what: str, ids: ArrayLike, low: int, high: int) -> Integers:
        """A whole number from `low` to below `high` for each id."""
        return np.floor(self.uniform(what, ids, low, high)).astype(np.int64)

    def happens(self, what: str, ids: ArrayLike, share: float) -> Flags:
        """True for about `share` of the ids."""
        return self.uniform(what, ids) < share
