"""PostgreSQL takes everything and never answers: feeds go into the buffer at their rhythm."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.faults.conftest import Install, Note, Undisturbed
from tests.faults.installation import Installation
from tests.faults.proxy import Proxy
from tests.faults.rows import assert_same
from tests.faults.scale import FULL, shortened

SILENT_S = 120 if FULL else 55  # longer than the 45 s after which a flush that hangs is ended
BACKLOG = 60  # feeds: more than are stored until it is seen that a flush is at work
LONGEST_GAP_S = shortened(15) + 2  # between two polls, and for all that wait for an answer in vain
STORED_WITHIN_S = 30


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


def _install(install: Install, proxy: Proxy) -> Installation:
    """An installation that reaches PostgreSQL by the proxy."""
    site = install(VATSIM_TRANSCEIVERS_URL="")
    proxy.target = site.folder / "sockets" / ".s.PGSQL.5432"
    credentials, _, place = site.postgres.url.rpartition("@")
    database = place.partition("?")[0]
    site.environment["DATABASE_URL"] = f"{credentials}@127.0.0.1:{proxy.port}{database}"
    return site


def test_polls_keep_their_rhythm_while_postgres_says_nothing(
    install: Install, proxy: Proxy, undisturbed: Undisturbed, note: Note
) -> None:
    site = _install(install, proxy)
    # A tenth of 10 s would be as short as the wait for PostgreSQL, and polls refused for that.
    site.environment["POLL_LOCK_SECONDS"] = "0.1"
    site.fill([site.feed.next() for _ in range(BACKLOG)], transceivers=False)
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(lambda: _is_flushing(site), 30, "a flush is at work")
    proxy.is_black_hole, since = True, datetime.now(UTC)
    site.pass_time(SILENT_S)
    gap_s = _longest_gap_between_polls(site, since)
    waiting = site.buffer.depth().newest_at
    assert site.stored()[-1:] < [waiting]
    proxy.is_black_hole = False
    stored_s = site.seconds_until(
        lambda: site.stored()[-1:] >= [waiting], STORED_WITHIN_S, "what was buffered is stored"
    )
    note(
        f"PostgreSQL silent for {SILENT_S} s: polls at most {gap_s:.1f} s apart,"
        f" all was stored {stored_s:.1f} s later"
    )
    assert gap_s < LONGEST_GAP_S
    site.settle()
    assert len(site.stored()) == site.taken()
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored(), transceivers=False)))


def _is_flushing(site: Installation) -> bool:
    return bool(
        site.query(
            "SELECT FROM pg_stat_activity WHERE application_name = 'collecting'"
            " AND xact_start < now() - interval '50 ms'"
        )
    )


def _longest_gap_between_polls(site: Installation, since: datetime) -> float:
    """In seconds, from an instant until now, with polls that met the same feed again."""
    polled = [feed.fetched_at for feed in site.buffer.feeds()]
    polled += [failure.at for failure in site.buffer.failures()]
    times = [since, *sorted(at for at in polled if at > since), datetime.now(UTC)]
    return max((later - earlier).total_seconds() for earlier, later in pairwise(times))
