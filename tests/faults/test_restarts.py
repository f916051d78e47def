"""What a crash between two steps or a restart of everything leaves is taken up where it was."""

import sys

import pytest

from tests.faults.conftest import Install, Undisturbed
from tests.faults.feed import Bodies
from tests.faults.installation import Installation, SiteProcess
from tests.faults.rows import assert_same

FLUSH_ONCE = (
    *(sys.executable, "manage.py", "shell", "-c"),
    "from collector.services.flushing import flush; flush()",
)


def test_a_crash_between_commit_and_trim_changes_nothing(
    install: Install, undisturbed: Undisturbed
) -> None:
    site = install()
    site.fill([site.feed.next() for _ in range(5)])
    # Reads go on and writes wait: so the flush commits, and stops where it would trim.
    site.redis.client_pause(60_000, all=False)
    flush = SiteProcess(FLUSH_ONCE, site.environment, site.folder / "flush.log")
    flush.start()
    site.wait_for(lambda: len(site.stored()) == 5, 30, "the flush has committed")
    flush.kill()
    site.redis.client_unpause()
    assert site.buffer.depth().feeds == 5
    rows = site.rows()
    site.start("collecting")
    site.flush()
    assert site.rows() == rows
    assert site.buffer.depth().feeds == 0
    site.collect(2)
    assert_same(site.rows(), undisturbed(site.feed.all_bodies(site.stored())))


@pytest.mark.parametrize(("held", "stored"), [(10, False), (24, True)], ids=["passing", "lasting"])
def test_feeds_held_as_implausible_outlive_restarts(
    install: Install, undisturbed: Undisturbed, held: int, stored: bool
) -> None:
    site = install(aircraft=200)
    site.start("collecting")
    bodies = _collect(site, 3)
    site.feed.break_with("missing=0.5")
    bodies += _collect(site, held // 2)
    assert len(site.stored()) == 3
    _restart_everything(site)
    assert site.buffer.depth().feeds == held // 2
    bodies += _collect(site, held // 2)
    site.feed.break_with()
    bodies += _collect(site, 1)
    outcomes = dict(site.query("SELECT outcome, count(*) FROM collector_poll GROUP BY 1"))
    assert outcomes == ({"accepted": held + 4} if stored else {"accepted": 4, "dropped": held})
    assert_same(site.rows(), undisturbed(bodies))


def _collect(site: Installation, feeds: int) -> list[Bodies]:
    """Have the next feeds polled and flushed; what was served."""
    bodies = []
    for _ in range(feeds):
        site.feed.next()
        bodies.append(site.feed.download())
        site.poll()
        site.flush()
    return bodies


def _restart_everything(site: Installation) -> None:
    site.worker.end()
    site.valkey.stop()
    site.postgres.stop()
    site.postgres.start()
    site.valkey.start()
    site.start("collecting")
