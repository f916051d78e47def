"""A backlog is worked off while polling goes on, and the buffer's cap drops nothing accepted."""

from tests.faults.conftest import Install, Note
from tests.faults.scale import FULL

FEEDS = 240 if FULL else 60  # an hour
AIRCRAFT = 2000
WITHIN_S = FEEDS / 2


def test_an_hour_of_feeds_is_worked_off_in_two_minutes_while_polling_goes_on(
    install: Install, note: Note
) -> None:
    site = install(aircraft=AIRCRAFT)
    site.start("collecting")
    site.fill([site.feed.next() for _ in range(FEEDS)])
    site.feed.next()
    site.start("beat")
    site.run_feed()
    worked_off_s = site.seconds_until(
        lambda: len(site.stored()) >= FEEDS, 2 * WITHIN_S, "the backlog is stored"
    )
    polled = site.taken() - FEEDS
    site.settle()
    note(f"{FEEDS} feeds with {AIRCRAFT} aircraft in {worked_off_s:.1f} s, {polled} polled beside")
    assert worked_off_s < WITHIN_S
    assert polled >= 1
    assert len(site.stored()) == site.taken()


def test_a_full_buffer_refuses_new_feeds_and_drops_none_that_it_took(install: Install) -> None:
    site = install(aircraft=400, BUFFER_MAX_MB="1")
    site.start("collecting")
    polled = 0
    while site.taken() == polled:
        site.feed.next()
        site.poll()
        polled += 1
    taken = site.taken()
    for _ in range(3):
        site.feed.next()
        site.poll()
    assert site.taken() == taken
    site.flush()
    assert site.failed_polls() == ["full"] * 4
    assert len(site.stored()) == site.taken() == taken
    site.collect()
    assert len(site.stored()) == taken + 1
