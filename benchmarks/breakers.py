"""What an idle breaker adds to a call: closed, all well, Redis at hand."""

import time
from collections.abc import Callable

from benchmarks.meter import report
from monitoring.errors.breakers import Breaker

CALLS = 200_000


def run() -> None:
    """Report a line; µs a call, beside the same calls without a breaker."""
    bare_us = _us_a_call(_nothing)
    breaker = Breaker("benchmark")
    report(
        bench="breakers",
        calls=CALLS,
        call_us=round(_us_a_call(lambda: breaker.call(_nothing)) - bare_us, 2),
        guard_us=round(_us_a_call(lambda: _guarded(breaker)) - bare_us, 2),
    )
    breaker.forget()


def _nothing() -> None:
    pass


def _guarded(breaker: Breaker) -> None:
    with breaker.guard():
        pass


def _us_a_call(call: Callable[[], object]) -> float:
    """The mean, so that the exchanges with Redis count with their share."""
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS * 1e6
