"""The name of the feed's server can't be resolved for a while."""

from pathlib import Path

from tests.faults.conftest import Install, Note
from tests.faults.installation import FETCH_LIMIT_S
from tests.faults.scale import shortened

RESOLVER = Path(__file__).with_name("resolver")
# The breaker's longest time, a poll and a flush.
RECOVERS_WITHIN_S = 2 * shortened(30) + 2 * shortened(15) + 2
# Three polls that fail, one that the breaker refuses, and the flush that stores it.
REFUSES_WITHIN_S = 5 * shortened(15) + 15


def test_polls_fail_by_name_until_the_name_resolves_again(install: Install, note: Note) -> None:
    site = install()
    address = site.folder / "address"
    site.environment |= {
        name: url.replace("127.0.0.1", "feed.test")
        for name, url in site.environment.items()
        if name in {"VATSIM_API_URL", "VATSIM_TRANSCEIVERS_URL"}
    }
    site.environment |= {"PYTHONPATH": str(RESOLVER), "FEED_TEST_ADDRESS": str(address)}
    for answer in ("127.0.0.1", "", "silence", "127.0.0.1"):
        address.write_text(answer)
        if not site.processes:
            site.start("collecting")
        site.feed.next()
        assert site.poll() < FETCH_LIMIT_S + 1, answer
        site.flush()
    assert site.failed_polls() == ["dns", "timeout"]
    assert len(site.stored()) == 2
    rows = site.rows()
    address.write_text("")
    site.start("beat")
    site.wait_for(
        lambda: "breaker_open" in site.failed_polls(), REFUSES_WITHIN_S, "the breaker opens"
    )
    assert set(site.failed_polls()) == {"dns", "timeout", "breaker_open"}
    assert site.rows() == rows
    site.feed.next()
    address.write_text("127.0.0.1")
    seconds = site.seconds_until(
        lambda: len(site.stored()) == 3, RECOVERS_WITHIN_S, "the next feed is stored"
    )
    note(f"the feed's name resolves again: stored after {seconds:.1f} s")
