"""Types of columns: one-dimensional arrays with a row for each thing, if not said otherwise."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
