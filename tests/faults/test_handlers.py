"""A handler that hangs, raises or leaks touches neither the others nor the collection."""

import random
import statistics
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from tests.faults.conftest import Install, Note
from tests.faults.handlers.receivers import EFFECTS
from tests.faults.installation import ROOT, Installation
from tests.faults.scale import FULL

KILLS = 100 if FULL else 10
EVENTS_A_KILL = 100
FEEDS = 12  # for as many does the leaking handler outgrow its process
MOST_DELAY_S = 0.1
WITHIN_S = 300
DISPATCH_EVERY_S = 0.5


@pytest.fixture
def site(install: Install) -> Installation:
    site = install(
        aircraft=200,
        DJANGO_SETTINGS_MODULE="tests.faults.settings_with_handlers",
        EVENT_BUS_RETRY_SECONDS="0.5",
    )
    site.execute(EFFECTS)
    return site


def publish(site: Installation, type_name: str, count: int) -> None:
    command = [sys.executable, "manage.py", "publish_tried", type_name, str(count)]
    subprocess.run(command, cwd=ROOT, env=site.environment, check=True)


def dispatch(site: Installation) -> None:
    site.wake("monitoring.tasks.dispatch_events", "events")


def deliver_until(site: Installation, is_so: Callable[[], bool], what: str) -> None:
    """Dispatch again and again, as beat does."""

    def dispatch_and_look() -> bool:
        dispatch(site)
        site.pass_time(DISPATCH_EVERY_S)
        return is_so()

    site.wait_for(dispatch_and_look, WITHIN_S, what)


def pending(site: Installation, *handlers: str) -> int:
    rows = site.query(
        "SELECT count(*) FROM monitoring_delivery WHERE status = 'pending' AND handler = ANY(%s)",
        list(handlers),
    )
    return rows[0][0]


def opened(site: Installation) -> set[str]:
    rows = site.query("SELECT name FROM monitoring_breakertransition WHERE to_state = 'OPEN'")
    return {name for (name,) in rows}


def test_handlers_that_misbehave_touch_neither_the_others_nor_the_collection(
    site: Installation, note: Note
) -> None:
    site.start("collecting")
    site.collect(3)
    before = [_flush_s(site) for _ in range(FEEDS)]
    site.start("events")
    meanwhile = []
    for _ in range(FEEDS):
        dispatch(site)
        meanwhile.append(_flush_s(site))
    delay_s = statistics.median(meanwhile) - statistics.median(before)
    note(f"misbehaving handlers delay a feed by {1000 * delay_s:.0f} ms")
    assert delay_s < MOST_DELAY_S

    deliver_until(
        site,
        lambda: not pending(site, "stores", "leaks") and len(opened(site)) >= 2,
        "the others get every event, and the breakers of those that fail are open",
    )
    assert {"handler:hangs", "handler:raises"} <= opened(site)
    published = _events(site, "POSITION_UPDATE")
    assert len(published) == 2 * FEEDS + 3
    assert sorted(row for (row,) in site.query("SELECT event_id FROM effects")) == published
    assert {row for (row,) in site.query("SELECT event_id FROM calls")} == set(published)
    grown = max(_memory_mb(child) for child in site.processes["events"].children())
    note(f"a worker's process has {grown:.0f} MB after a leak of {40 * len(published)} MB")
    assert grown < 600


def _flush_s(site: Installation) -> float:
    """Seconds from a feed's coming until it is stored."""
    site.fill([site.feed.next()])
    known = len(site.stored())
    site.send("flush")
    return site.seconds_until(lambda: len(site.stored()) > known, 30, "the feed is stored")


def _memory_mb(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _events(site: Installation, type_name: str) -> list[int]:
    rows = site.query("SELECT id FROM monitoring_event WHERE type = %s ORDER BY id", type_name)
    return [event_id for (event_id,) in rows]


def test_a_handler_that_can_t_be_interrupted_is_ended_with_its_process(
    site: Installation, note: Note
) -> None:
    site.start("events")
    publish(site, "STUBBORN", 1)

    def is_noted() -> bool:
        errors = site.query(
            "SELECT error FROM monitoring_delivery WHERE handler = 'hangs for good'"
        )
        return errors[0][0].startswith("HandlerLost")

    dispatch(site)
    publish(site, "TRIED", 200)
    deliver_until(site, lambda: not pending(site, "stores", "tells"), "the others get theirs")
    assert site.query("SELECT count(*) FROM effects") == [(201,)]
    assert not is_noted()
    deliver_until(site, is_noted, "its process was ended, and that counts as a failure")
    attempts = site.query(
        "SELECT attempts FROM monitoring_delivery WHERE handler = 'hangs for good'"
    )
    assert attempts == [(1,)]


def test_killing_those_who_deliver_loses_nothing_and_repeats_no_effect(
    site: Installation, chance: random.Random, note: Note
) -> None:
    site.start("events")
    publish(site, "TRIED", KILLS * EVENTS_A_KILL)
    kills = 0
    while kills < KILLS:
        dispatch(site)
        site.pass_time(chance.uniform(0.02, 0.6))
        if not pending(site, "stores", "tells"):
            publish(site, "TRIED", EVENTS_A_KILL)
        kills += _kill_one(site, chance)
    deliver_until(site, lambda: not pending(site, "stores", "tells"), "everything is delivered")
    published = _events(site, "TRIED")
    assert sorted(row for (row,) in site.query("SELECT event_id FROM effects")) == published
    calls = site.query("SELECT event_id, count(*), count(DISTINCT key) FROM calls GROUP BY 1")
    assert sorted(event_id for event_id, _, _ in calls) == published
    assert {keys for _, _, keys in calls} == {1}
    statuses = site.query("SELECT DISTINCT status FROM monitoring_delivery WHERE handler <> ''")
    assert statuses == [("done",)]
    repeated = sum(count > 1 for _, count, _ in calls)
    lost = site.query("SELECT count(*) FROM monitoring_delivery WHERE error LIKE 'HandlerLost%%'")
    note(
        f"{kills} kills among {len(published)} events: {lost[0][0]} attempts met,"
        f" {repeated} calls outside were repeated, every database effect is there once"
    )


def _kill_one(site: Installation, chance: random.Random) -> bool:
    """Kill a process of the worker at once, sometimes all of it; whether there was one."""
    worker = site.processes["events"]
    if chance.random() < 0.1:
        worker.kill()
        return True
    children = worker.children()
    if not children:
        return False
    chance.choice(children).kill()
    return True
