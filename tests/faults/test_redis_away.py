"""Redis restarts, forgets everything or says nothing: nobody has to act, no stored row is lost."""

import psutil

from tests.faults.conftest import Install, Note, Undisturbed
from tests.faults.installation import Installation
from tests.faults.rows import assert_same
from tests.faults.scale import shortened

POLLED_WITHIN_S = 20
PAGE_WITHIN_S = 1.5


def restart(site: Installation) -> None:
    site.valkey.stop()
    site.pass_time(shortened(30))
    site.valkey.start()


def crash(site: Installation) -> None:
    site.valkey.kill()
    site.valkey.start()


def become_a_black_hole(site: Installation) -> None:
    valkey = psutil.Process(site.valkey.pid)
    valkey.suspend()
    site.pass_time(shortened(120))
    valkey.resume()


def _seconds_to_a_poll(site: Installation) -> float:
    before = site.outcomes()
    return site.seconds_until(lambda: site.outcomes() > before, POLLED_WITHIN_S, "a poll was made")


def test_no_feed_is_lost_while_redis_is_away(
    install: Install, undisturbed: Undisturbed, note: Note
) -> None:
    site = install(VATSIM_TRANSCEIVERS_URL="")
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(site.stored, 60, "a feed is stored")
    for fault in (restart, crash, become_a_black_hole):
        fault(site)
        note(f"Redis, {fault.__name__}: polled again after {_seconds_to_a_poll(site):.1f} s")
    site.settle()
    assert len(site.stored()) == site.taken()
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored(), transceivers=False)))
    starts = ", ".join(f"{name} {process.starts}" for name, process in site.processes.items())
    note(f"starts of the processes: {starts}")


def test_emptying_redis_loses_at_most_what_was_not_flushed(
    install: Install, undisturbed: Undisturbed, note: Note
) -> None:
    site = install(VATSIM_TRANSCEIVERS_URL="")
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(lambda: len(site.stored()) >= 2, 60, "feeds are stored")
    stored = site.stored()
    site.redis.flushall()
    note(f"Redis, emptied: polled again after {_seconds_to_a_poll(site):.1f} s")
    site.settle()
    times = site.stored()
    assert times[: len(stored)] == stored
    # What the new buffer took is there, but for a feed that was stored before.
    assert len(times) - len(stored) >= site.taken() - 1
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(times, transceivers=False)))


def test_pages_answer_from_postgres_while_redis_is_a_black_hole(install: Install) -> None:
    site = install()
    site.start("collecting", "web")
    site.collect(2)
    paths = ("/api/flights", "/api/atc-positions", "/api/network/status", "/api/flights/history")
    assert [site.get(path).status for path in paths] == [200] * len(paths)
    psutil.Process(site.valkey.pid).suspend()
    for path in paths * 3:
        answer, seconds = site.timed_get(path)
        assert answer.status == 200, (path, answer.data)
        assert seconds < PAGE_WITHIN_S, path
        site.pass_time(0.5)
