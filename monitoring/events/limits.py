"""Ends what takes too long, where it runs in the main thread of its process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

AGAIN_S = 1.0  # for code that swallows the first one


class HandlerTimeout(TimeoutError):
    """A handler took longer than it may."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `HandlerTimeout` in the block after `seconds`, and every second from then on.

    A signal reaches the main thread only; elsewhere, and in code that never returns to Python, the
    time limit of the task has the last word.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise HandlerTimeout(f"It took longer than {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
