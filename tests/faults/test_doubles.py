"""Two of everything, or one that was away: the same rows, and no storm of polls."""

import signal

from tests.faults.conftest import Install, Note, Undisturbed
from tests.faults.rows import assert_same
from tests.faults.scale import shortened

EVERY_S = shortened(15)
TICKS = 5  # for which polls are counted after the worker came back


def test_two_beats_and_two_workers_store_the_same_as_one(
    install: Install, undisturbed: Undisturbed
) -> None:
    site = install(VATSIM_TRANSCEIVERS_URL="")
    site.start("collecting", "collecting-2", "beat", "beat-2")
    site.run_feed()
    site.wait_for(site.stored, 60, "a feed is stored")
    for name in ("collecting", "collecting-2"):
        site.processes[name].signal(signal.SIGSTOP)
        site.pass_time(shortened(60))
        site.processes[name].signal(signal.SIGCONT)
        site.pass_time(shortened(30))
    site.settle()
    assert len(site.stored()) == site.taken()
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored(), transceivers=False)))


def test_two_polls_at_once_take_a_feed_once(install: Install, undisturbed: Undisturbed) -> None:
    site = install(POLL_LOCK_SECONDS="0.1")
    site.start("collecting")
    for _ in range(5):
        site.feed.next()
        asked = site.feed.asked
        while site.feed.asked < asked + 2:
            site.send("poll", "poll")
            site.pass_time(0.15)
        site.send("flush", "flush")
    site.settle()
    assert site.taken() == len(site.stored()) == 5
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored())))


def test_a_worker_that_was_away_does_not_make_up_for_missed_polls(
    install: Install, note: Note
) -> None:
    site = install()
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(site.stored, 60, "a feed is stored")
    site.worker.end()
    sent = site.processes["beat"].said.count("collector.tasks.poll (")
    site.pass_time(shortened(600))
    missed = site.processes["beat"].said.count("collector.tasks.poll (") - sent
    assert missed >= 30
    asked = site.feed.asked
    site.start("collecting")
    seconds = TICKS * EVERY_S
    site.pass_time(seconds)
    asked = site.feed.asked - asked
    note(f"{missed} polls were missed, {asked} were made in the next {seconds:g} s")
    assert 1 <= asked <= TICKS + 2
