from datetime import timedelta

import pytest

from collector.guard import has_changed_for_good, implausible
from collector.parsing import Counts, read_counts
from collector.rules import Rules
from tests.unit.collector.factories import (
    FEED_AT,
    AtisJson,
    ControllerJson,
    PilotJson,
    body,
    feed_json,
    parsed,
)

RULES = Rules()


def counts(pilots: int, *, clients: int | None = None, connected: int | None = None) -> Counts:
    clients = pilots if clients is None else clients
    return Counts(FEED_AT, pilots, clients, clients if connected is None else connected)


def accepted(*pilots: int, age_s: float = 15):
    """Believed feeds, the newest of which is `age_s` old."""
    times = [FEED_AT - timedelta(seconds=age_s + 15 * i) for i in range(len(pilots))]
    return list(zip(times, pilots, strict=True))


def test_under_60_per_cent_of_the_median_is_implausible():
    believed = accepted(1000, 1000, 1000)
    assert implausible(counts(599), believed, RULES)
    assert not implausible(counts(600), believed, RULES)


def test_the_median_of_the_accepted_feeds_counts_not_the_newest():
    assert implausible(counts(500), accepted(500, 1000, 1000), RULES)
    assert not implausible(counts(600), accepted(2000, 1000, 1000), RULES)


def test_growth_is_plausible():
    assert not implausible(counts(10_000), accepted(10), RULES)


def test_with_no_accepted_feed_any_number_of_pilots_is_believed():
    assert not implausible(counts(0), [], RULES)


def test_feeds_older_than_ten_minutes_or_not_before_this_one_do_not_count():
    assert implausible(counts(1), accepted(1000, age_s=600), RULES)
    assert not implausible(counts(1), accepted(1000, age_s=601), RULES)
    assert not implausible(counts(1), accepted(1000, age_s=0), RULES)
    assert not implausible(counts(1), accepted(1000, age_s=-15), RULES)


@pytest.mark.parametrize(
    ("clients", "connected", "is_held"),
    [
        (100, 105, False),
        (100, 95, False),
        (100, 106, True),
        (100, 94, True),
        (0, 5, False),
        (0, 6, True),
        (1980, 2000, False),  # 1 %
        (1979, 2000, True),
        (2020, 2000, False),
        (2021, 2000, True),
    ],
)
def test_connected_clients_may_differ_by_five_or_one_per_cent(clients, connected, is_held):
    feed = counts(clients, clients=clients, connected=connected)
    assert bool(implausible(feed, [], RULES)) is is_held


def test_after_five_minutes_the_network_did_change():
    held_since = FEED_AT
    assert not has_changed_for_good(held_since, held_since + timedelta(seconds=299), RULES)
    assert has_changed_for_good(held_since, held_since + timedelta(seconds=300), RULES)


def test_a_feed_is_judged_by_its_pilots_and_by_all_clients_that_it_lists():
    feed = parsed(
        PilotJson.build_batch(3),
        controllers=[ControllerJson()],
        atis=[AtisJson(), AtisJson(callsign="EGLL_ATIS")],
    )
    assert feed.counts == Counts(FEED_AT, pilots=3, clients=6, connected_clients=6)


def test_bad_records_are_clients_all_the_same():
    feed = parsed([*PilotJson.build_batch(3), PilotJson(latitude="north")])
    assert (len(feed.pilots), feed.counts.clients) == (3, 4)


def test_the_numbers_can_be_read_without_parsing():
    pilots = [*PilotJson.build_batch(3), PilotJson(latitude="north")]
    content = body(feed_json(pilots, controllers=[ControllerJson()]))
    assert read_counts(content) == parsed(pilots, controllers=[ControllerJson()]).counts
