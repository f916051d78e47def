"""PostgreSQL goes away and comes back: polls go on, and everything is fresh again soon."""

from datetime import datetime

from tests.faults.conftest import Install, Note, Undisturbed
from tests.faults.installation import Installation
from tests.faults.rows import assert_same
from tests.faults.scale import shortened

FRESH_WITHIN_S = 30
PAGE_WITHIN_S = 6


def stop(site: Installation) -> None:
    site.postgres.stop()
    taken = site.taken()
    site.pass_time(shortened(30))
    polled = site.taken() - taken
    site.postgres.start()
    assert polled, "no feed went into the buffer meanwhile"


def restart(site: Installation) -> None:
    site.postgres.stop()
    site.postgres.start()


def crash(site: Installation) -> None:
    site.postgres.kill()
    site.postgres.start()


def end_backends(site: Installation) -> None:
    site.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


def _seconds_until_fresh(site: Installation, waiting: datetime) -> float:
    """How long it takes until what waited is stored, and all that came since."""

    def is_fresh() -> bool:
        return site.stored()[-1] >= waiting and site.is_fresh()

    return site.seconds_until(is_fresh, FRESH_WITHIN_S, "all is fresh")


def test_everything_is_fresh_soon_after_postgres_was_away(
    install: Install, undisturbed: Undisturbed, note: Note
) -> None:
    site = install(VATSIM_TRANSCEIVERS_URL="")
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(site.stored, 60, "a feed is stored")
    for fault in (stop, restart, crash, end_backends):
        waiting = site.wait_for(lambda: site.buffer.depth().newest_at, 60, "a feed waits")
        fault(site)
        fresh_s = _seconds_until_fresh(site, waiting)
        note(f"PostgreSQL, {fault.__name__}: fresh after {fresh_s:.1f} s")
    site.settle()
    assert len(site.stored()) == site.taken()
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored(), transceivers=False)))


def test_pages_say_that_postgres_is_away_and_public_live_lists_go_on(install: Install) -> None:
    site = install()
    site.start("collecting", "web")
    site.collect(2)
    flights = site.get("/api/flights")
    assert flights.status == 200
    assert flights.json()
    site.postgres.stop()
    for path in ("/api/flights/history", "/admin/"):
        answer, seconds = site.timed_get(path, Cookie="sessionid=of-somebody")
        assert answer.status == 503, answer.data
        assert "Retry-After" in answer.headers
        assert seconds < PAGE_WITHIN_S, path
    site.feed.next()
    site.poll()
    site.pass_time(1.5)  # a process believes its memory for a second
    newer, seconds = site.timed_get("/api/flights")
    assert newer.status == 200
    assert newer.data != flights.data
    assert seconds < PAGE_WITHIN_S
    site.postgres.start()
    site.wait_for(
        lambda: site.get("/api/flights/history").status == 200, FRESH_WITHIN_S, "pages are back"
    )
