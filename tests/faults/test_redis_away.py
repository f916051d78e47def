"""Redis restarts, forgets everything or says nothing: nobody has to act, no stored row is lost."""

from collections.abc import Callable

import psutil
import pytest

from tests.faults.conftest import Install, Undisturbed
from tests.faults.installation import Installation
from tests.faults.rows import assert_same
from tests.faults.scale import shortened

AGAIN_WITHIN_S = 30
AFTER_BLACK_HOLE_WITHIN_S = 20
PAGE_WITHIN_S = 1.5


def stop(site: Installation) -> None:
    site.valkey.stop()
    site.pass_time(shortened(30))
    site.valkey.start()


def crash(site: Installation) -> None:
    site.valkey.kill()
    site.valkey.start()


def _collecting(install: Install, **variables: str) -> Installation:
    site = install(VATSIM_TRANSCEIVERS_URL="", **variables)
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(lambda: len(site.stored()) >= 3, 60, "feeds are stored")
    return site


def _seconds_until_fresh(site: Installation, within_s: float) -> float:
    back_at = site.feed.at
    return site.seconds_until(
        lambda: site.stored()[-1] >= back_at, within_s, "a feed of now is stored"
    )


@pytest.mark.parametrize("fault", [stop, crash])
def test_a_restart_of_redis_loses_no_feed(
    install: Install, undisturbed: Undisturbed, fault: Callable[[Installation], None]
) -> None:
    site = _collecting(install)
    fault(site)
    fresh_s = _seconds_until_fresh(site, AGAIN_WITHIN_S)
    print(f"{fault.__name__}: fresh after {fresh_s:.1f} s")
    site.settle()
    assert len(site.stored()) == site.taken()
    assert_same(site.rows(), undisturbed(site.feed, site.stored(), transceivers=False))


def test_emptying_redis_loses_at_most_what_was_not_flushed(
    install: Install, undisturbed: Undisturbed
) -> None:
    site = _collecting(install)
    stored = site.stored()
    taken = site.taken()
    site.redis.flushall()
    fresh_s = _seconds_until_fresh(site, AGAIN_WITHIN_S)
    print(f"emptied: fresh after {fresh_s:.1f} s")
    site.settle()
    times = site.stored()
    assert times[: len(stored)] == stored
    assert len(times) >= taken - 1 + site.taken() - 1
    assert_same(site.rows(), undisturbed(site.feed, times, transceivers=False))


def test_collecting_goes_on_soon_after_redis_was_a_black_hole(
    install: Install, undisturbed: Undisturbed
) -> None:
    site = _collecting(install)
    valkey = psutil.Process(site.valkey.pid)
    valkey.suspend()
    site.pass_time(shortened(200))
    valkey.resume()
    fresh_s = _seconds_until_fresh(site, AFTER_BLACK_HOLE_WITHIN_S)
    print(f"black hole: fresh after {fresh_s:.1f} s")
    site.settle()
    assert len(site.stored()) == site.taken()
    assert_same(site.rows(), undisturbed(site.feed, site.stored(), transceivers=False))


def test_pages_answer_from_postgres_while_redis_is_a_black_hole(install: Install) -> None:
    site = install()
    site.start("collecting", "web")
    site.collect(2)
    paths = ("/api/flights", "/api/atc-positions", "/api/network/status", "/api/flights/history")
    assert all(site.get(path).status == 200 for path in paths)
    psutil.Process(site.valkey.pid).suspend()
    for path in paths * 3:
        answer, seconds = site.timed_get(path)
        assert answer.status == 200, (path, answer.data)
        assert seconds < PAGE_WITHIN_S, path
        site.pass_time(0.5)
