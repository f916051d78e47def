"""kill -9 of the flush at any point: nothing is lost, nothing is doubled."""

import os
import random
import signal

from tests.faults.conftest import Install, Note, Undisturbed
from tests.faults.installation import Installation
from tests.faults.rows import assert_same
from tests.faults.scale import KILLS

BACKLOG = 24  # feeds: more than one transaction holds
WITHIN_S = 30


def test_killing_the_flush_loses_and_doubles_nothing(
    install: Install, undisturbed: Undisturbed, chance: random.Random, note: Note
) -> None:
    site = install(aircraft=200)
    site.start("collecting")
    longest_s = 1.0
    waits_s, tries = [], 0
    while len(waits_s) < KILLS:
        tries += 1
        assert tries < 10 * KILLS, "hardly a kill met a flush"
        victim = _begin_flush(site)
        waited_s = chance.uniform(0, longest_s)
        site.pass_time(waited_s)
        if _is_all_stored(site):
            longest_s = waited_s  # a flush does not take longer
            continue
        longest_s *= 1.2
        os.kill(victim, signal.SIGKILL)
        if chance.random() < 0.2:
            site.worker.kill()
        site.fill([site.feed.next()])
        waits_s.append(_wait_until_all_is_stored(site))
    note(f"{KILLS} kills in {tries} flushes; all was stored after {max(waits_s):.2f} s at most")
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored())))


def _begin_flush(site: Installation) -> int:
    """Offer a backlog, and a feed that is polled meanwhile; the process that flushes them."""
    site.fill([site.feed.next() for _ in range(BACKLOG)])
    site.feed.next()
    site.send("flush", "poll", "compact")
    return site.wait_for(lambda: site.active_processes("flush"), WITHIN_S, "a flush began")[0]


def _is_all_stored(site: Installation) -> bool:
    return len(site.stored()) == site.taken()


def _wait_until_all_is_stored(site: Installation) -> float:
    def is_all_stored() -> bool:
        site.tick("flush")
        return _is_all_stored(site)

    return site.seconds_until(is_all_stored, WITHIN_S, "every feed taken is stored")
