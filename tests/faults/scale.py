"""How long and how often: a tenth by default, everything with FULL=1."""

import os
import random

FULL = os.environ.get("FULL") == "1"
SPEED = 1 if FULL else 10  # how much shorter durations are
KILLS = 50 if FULL else 10
SEED = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
os.environ["FAULT_SEED"] = str(SEED)  # that of every process of the run


def shortened(seconds: float) -> float:
    """A duration of the promises, as long as it is in this run."""
    return seconds / SPEED
