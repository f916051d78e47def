"""kill -9 of the flush at any point: nothing is lost, nothing is doubled."""

import os
import random
import signal

from tests.faults.conftest import Install, Undisturbed
from tests.faults.installation import Installation
from tests.faults.rows import assert_same
from tests.faults.scale import KILLS

BACKLOG = 24  # feeds: more than one transaction holds
WITHIN_S = 30


def test_killing_the_flush_loses_and_doubles_nothing(
    install: Install, undisturbed: Undisturbed, chance: random.Random
) -> None:
    site = install(aircraft=250)
    site.start("collecting")
    duration_s = _flush_backlog(site)
    waits_s, tries = [], 0
    while len(waits_s) < KILLS:
        tries += 1
        assert tries < 10 * KILLS, "hardly a kill met a flush"
        _offer_backlog(site)
        site.pass_time(chance.uniform(0, duration_s))
        if victim := site.active_process("flush"):
            os.kill(victim, signal.SIGKILL)
            if chance.random() < 0.2:
                site.worker.kill()
            site.fill([site.feed.next()])
            site.send("flush")  # beat's next tick
            waits_s.append(_wait_until_all_is_stored(site))
        _wait_until_all_is_stored(site)
    print(f"{duration_s:.2f} s a flush; {KILLS} kills in {tries} flushes; all was stored after {max(waits_s):.2f} s at most")
    assert_same(site.rows(), undisturbed(site.feed, site.stored()))


def _offer_backlog(site: Installation) -> None:
    """Feeds that wait, and one that is polled while they are flushed."""
    site.fill([site.feed.next() for _ in range(BACKLOG)])
    site.feed.next()
    site.send("flush", "poll", "compact")


def _flush_backlog(site: Installation) -> float:
    _offer_backlog(site)
    return _wait_until_all_is_stored(site)


def _wait_until_all_is_stored(site: Installation) -> float:
    return site.wait_until(
        lambda: len(site.stored()) == site.taken(), WITHIN_S, "every feed taken is stored"
    )
