"""Pauses Python's cyclic garbage collector.

Poll and flush make hundreds of thousands of objects that live for a second and stand in no cycles.
Each full collection would walk all of them: measured, a fifth of a cycle's CPU.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Within it only reference counts free memory; afterwards all is as before."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
