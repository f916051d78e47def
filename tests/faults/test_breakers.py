"""Circuit breakers over many processes, and the feed's while the feed is broken."""

import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from monitoring.errors.breaker_policy import Condition
from monitoring.errors.breaker_store import ASK_AGAIN_S, KEY, TIMEOUT_S
from monitoring.errors.breakers import TRUST_S
from tests.faults.conftest import Install, Note
from tests.faults.hammering import Hammers
from tests.faults.installation import Installation
from tests.faults.scale import shortened
from vatsim_site.embedded.servers import RunningServer, start_valkey

PROCESSES = 8
OPEN_S = max(
    2.0, shortened(30)
)  # long beside the half second that processes believe what they heard


@pytest.fixture
def valkey(open_folder: Path):
    server = start_valkey(open_folder, durable=True)
    yield server
    server.stop()


def test_eight_processes_share_one_breaker(valkey: RunningServer, note: Note) -> None:
    with Hammers(PROCESSES, valkey.url, OPEN_S) as hammers:
        hammers.listen(1)
        assert not hammers.changes
        hammers.is_well.value = False
        opened_after_s = hammers.wait_for(lambda: hammers.changed("CLOSED", "OPEN"), 10)
        opened_at = time.monotonic()
        hammers.listen(4.5 * OPEN_S)  # windows of one, two, two: two probes that fail
        broken_until = time.monotonic()
        hammers.is_well.value = True
        hammers.wait_for(lambda: hammers.changed("HALF_OPEN", "CLOSED"), 4 * OPEN_S)
        closed_at = time.monotonic()
        hammers.listen(1.5)
        assert hammers.are_alive
    assert hammers.changed("CLOSED", "OPEN") == 1
    assert hammers.changed("HALF_OPEN", "CLOSED") == 1
    # Who had just heard that it is closed goes on for half a second.
    probes = [call for call in hammers.calls_since(opened_at + TRUST_S) if call.began < closed_at]
    failed = [call for call in probes if not call.succeeded]
    assert len(failed) == 2, probes
    assert all(call.began < broken_until for call in failed)
    assert failed[0].began - opened_at > OPEN_S - 0.2
    assert failed[1].began - failed[0].ended > 2 * OPEN_S - 0.2
    good = [call for call in probes if call.succeeded][:3]
    assert len(good) == 3
    assert all(first.ended <= second.began for first, second in pairwise([*failed, *good]))
    assert good[0].began - failed[1].ended > 2 * OPEN_S - 0.2
    after = {call.process for call in hammers.calls_since(good[-1].ended)}
    assert after == set(range(PROCESSES))
    note(f"breaker over 8 processes: open {opened_after_s:.2f} s after it broke")


def test_without_redis_each_process_goes_on_by_itself(valkey: RunningServer, note: Note) -> None:
    with Hammers(PROCESSES, valkey.url, OPEN_S) as hammers:
        valkey.kill()
        hammers.listen(1)
        hammers.is_well.value = False
        hammers.wait_for(lambda: hammers.changed("CLOSED", "OPEN") == PROCESSES, 20)
        hammers.listen(OPEN_S)
        assert hammers.are_alive
        valkey.start()  # and knows nothing of what happened
        hammers.is_well.value = True
        well_at = time.monotonic()
        hammers.wait_for(
            lambda: (
                len({c.process for c in hammers.calls_since(well_at) if c.succeeded}) == PROCESSES
            ),
            ASK_AGAIN_S + 3 * OPEN_S,
        )
        healed_after_s = time.monotonic() - well_at
        hammers.listen(ASK_AGAIN_S + 1)
        assert hammers.are_alive
        # All share one again.
        before = hammers.changed("CLOSED", "OPEN")
        hammers.is_well.value = False
        hammers.wait_for(lambda: hammers.changed("CLOSED", "OPEN") > before, 10)
        hammers.listen(1)
        assert hammers.changed("CLOSED", "OPEN") == before + 1
    assert hammers.longest_refusal_s.value < 2 * TIMEOUT_S + 0.5
    note(
        f"breaker, Redis killed: all well {healed_after_s:.1f} s after its return; a refusal took "
        f"{hammers.longest_refusal_s.value:.2f} s at most"
    )


def test_the_feed_breaks_and_heals_without_a_person(install: Install, note: Note) -> None:
    site = install()
    site.start("collecting", "beat")
    site.run_feed()
    site.wait_for(lambda: len(site.stored()) > 1, 60, "feeds are stored")
    site.feed.stop()
    opened_after_s = site.seconds_until(
        lambda: _state(site) == "OPEN", shortened(60) + 2, "the feed's breaker is open"
    )
    site.pass_time(shortened(200))
    fetches, refused = _failed_fetches(site), site.failed_polls().count("breaker_open")
    assert refused > fetches
    # Three that opened it, then one after 30 s and one a minute, whatever is polled.
    assert 3 + 2 <= fetches <= 3 + 1 + 200 / 60 + 1
    site.feed.start()
    healed_after_s = site.seconds_until(site.is_fresh, shortened(60 + 30) + 5, "feeds are fresh")
    site.wait_for(lambda: _state(site) == "CLOSED", shortened(60) + 5, "the breaker is closed")
    changes = site.wait_for(
        lambda: site.query(
            "SELECT 1 FROM monitoring_breakertransition WHERE name = 'feed' AND to_state = 'CLOSED'"
        ),
        10,
        "that is recorded",
    )
    assert len(changes) == 1
    opened = site.query(
        "SELECT count(*) FROM monitoring_breakertransition"
        " WHERE name = 'feed' AND from_state = 'CLOSED' AND to_state = 'OPEN'"
    )
    assert opened == [(1,)]
    recovered = site.wait_for(
        lambda: site.query(
            "SELECT successes, failures FROM monitoring_recoverycount"
            " WHERE strategy = 'circuit_breaker' AND operation = 'feed' AND successes > 0"
        ),
        10,
        "the recovery is counted",
    )
    fetches = _failed_fetches(site)
    assert recovered[0] == (1, fetches - 3)
    errors = site.query(
        "SELECT count FROM monitoring_errorgroup WHERE service = 'collector' AND operation = 'poll'"
    )
    assert errors == [(fetches,)]
    note(
        f"feed broken: breaker open after {opened_after_s:.1f} s; {fetches} fetches failed, and "
        f"{refused} polls made none; fresh {healed_after_s:.1f} s after its repair"
    )


def _failed_fetches(site: Installation) -> int:
    """Polls that asked for the feed and did not get it."""
    return sum(reason not in {"breaker_open", "not_new"} for reason in site.failed_polls())


def _state(site: Installation) -> str:
    stored = site._broker.hget(KEY, "feed")
    return msgspec.json.decode(stored, type=Condition).state if stored else ""
