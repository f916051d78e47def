"""A time limit interrupts, and leaves nothing behind."""

import signal
import threading
import time

import pytest

from monitoring.events.limits import HandlerTimeout, time_limit


def test_what_takes_too_long_is_interrupted():
    started = time.monotonic()
    with pytest.raises(HandlerTimeout, match=r"longer than 0\.05 s"), time_limit(0.05):
        time.sleep(5)
    assert time.monotonic() - started < 1


def test_what_ends_in_time_is_left_alone():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0.05):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before
    time.sleep(0.1)


def test_in_another_thread_there_is_no_limit():
    ended = []

    def work() -> None:
        with time_limit(0.01):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended
