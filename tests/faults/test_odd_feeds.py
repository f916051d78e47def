"""Feeds out of order, records that are bad or doubled: nothing is stored twice, or for nothing."""

from datetime import UTC, datetime, timedelta

import urllib3

from tests.faults.conftest import Install
from tests.faults.installation import Installation

MANY = 2000


def test_an_older_an_equal_and_a_future_feed_are_stored_no_times(install: Install) -> None:
    site = install()
    site.start("collecting")
    site.collect(2)
    stored, rows = site.stored(), site.rows()
    site.poll()
    site.feed.break_with("older=60")
    site.poll()
    site.feed.break_with()
    now = site.feed.at
    site.feed.clock.set(datetime.now(UTC) + timedelta(minutes=6))
    site.poll()
    site.flush()
    assert site.failed_polls() == ["not_new", "not_new", "future"]
    assert (site.stored(), site.rows()) == (stored, rows)
    site.feed.clock.set(now)
    site.collect()
    assert len(site.stored()) == 3


def test_a_feed_that_was_stored_is_not_stored_again_when_redis_forgot_it(install: Install) -> None:
    site = install()
    site.start("collecting")
    site.collect(2)
    stored, rows = site.stored(), site.rows()
    for fault in ([], ["older=15"], ["older=60"]):
        site.redis.flushall()
        site.feed.break_with(*fault)
        site.poll()
        assert site.taken() == 1
        site.flush()
    assert (site.stored(), site.rows()) == (stored, rows)


def test_one_bad_pilot_among_many_costs_that_pilot(install: Install) -> None:
    site = install(aircraft=MANY)
    site.start("collecting")
    site.feed.break_with("bad_records=1")
    pilots = _pilots(site)
    site.poll()
    site.flush()
    assert site.count("flight") == site.count("position") == len(pilots) - 1
    reasons = site.query("SELECT rejected, rejected_by_reason FROM collector_poll")
    assert reasons == [(1, {"pilots: Expected `int`, got `str` at cid": 1})]


def test_a_pilot_who_is_listed_twice_gets_one_row_the_later_one(install: Install) -> None:
    site = install()
    site.start("collecting")
    site.feed.break_with("duplicated=1")
    *others, twice = _pilots(site)
    site.poll()
    site.flush()
    assert site.count("flight") == site.count("position") == len(others)
    later = max(each["last_updated"] for each in others if each["cid"] == twice["cid"])
    ((at,),) = site.query(
        "SELECT at FROM collector_position p JOIN collector_flight f ON f.id = p.flight_id"
        " WHERE cid = %s",
        twice["cid"],
    )
    assert twice["last_updated"] < later
    assert abs(at - datetime.fromisoformat(later)) < timedelta(milliseconds=1)


def _pilots(site: Installation) -> list[dict[str, str]]:
    return urllib3.request("GET", f"{site.feed.url}/v3/vatsim-data.json", timeout=5).json()[
        "pilots"
    ]
