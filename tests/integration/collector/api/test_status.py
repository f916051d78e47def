from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as site_settings

from collector.models import Reference, Source
from collector.services.polling import Fetched, take
from tests.integration.collector.api.rows import feed
from tests.integration.collector.api.state import forget
from tests.integration.collector.simulated import START, body, simulated, times

pytestmark = pytest.mark.django_db

STATUS, NETWORK = "/api/status", "/api/network/status"


@pytest.fixture
def moving_clock():
    """The wall clock stands a little after the newest of eight feeds."""
    with time_machine.travel(times(8)[-1] + timedelta(seconds=20), tick=False) as clock:
        yield clock


@pytest.fixture
def network(moving_clock, replayed_network):
    forget()
    return feed(replayed_network[-1])


def test_a_running_system_is_healthy(api, network):
    status = api.get(STATUS).json()
    assert status["status"] == "healthy"
    assert set(status["services"]) == {"database", "cache", "buffer", "feed", "flush"}
    assert set(status["services"].values()) == {"healthy"}
    assert (status["feed_state"], status["data_age_seconds"]) == ("fresh", 20)
    assert status["version"] == site_settings.VERSION
    assert status["timestamp"] == "2026-03-01T12:02:05Z"
    assert status["flights"] == status["last_snapshot"]["pilots"] == len(network["pilots"])
    assert status["last_snapshot"]["feed_at"] == "2026-03-01T12:01:45Z"


@pytest.mark.parametrize(
    ("seconds", "state", "overall"),
    [
        (44, "fresh", "healthy"),
        (45, "fresh", "degraded"),
        (60, "stale", "degraded"),
        (180, "outage", "unhealthy"),
    ],
)
def test_an_old_feed_makes_it_worse(api, network, moving_clock, *, seconds, state, overall):
    moving_clock.move_to(times(8)[-1] + timedelta(seconds=seconds))
    answer = api.get(STATUS)
    assert answer.json()["status"] == overall
    assert (answer["X-Feed-State"], answer["X-Data-Age"]) == (state, str(seconds))


def test_before_the_first_feed_nothing_is_invented(api, buffer):
    status = api.get(STATUS).json()
    assert (status["status"], status["feed_state"]) == ("unhealthy", "outage")
    assert (status["data_age_seconds"], status["last_snapshot"]) == (None, None)
    assert status["source"] is None
    assert api.get("/api/flights").json() == []
    assert api.get(NETWORK).status_code == 404


@pytest.mark.parametrize("kind", Source.Kind.values)
def test_the_status_says_where_the_feeds_come_from(api, network, kind):
    Source.objects.update(kind=kind)
    assert api.get(STATUS).json()["source"] == kind


def test_a_flush_that_falls_behind_is_noticed(api, network, take_feed):
    take_feed(*simulated(START + timedelta(seconds=15 * 12)))
    forget()
    assert api.get(STATUS).json()["services"]["flush"] == "degraded"


def test_a_buffer_that_fills_is_noticed(api, network, settings):
    settings.BUFFER_MAX_MB = 0.0001
    assert api.get(STATUS).json()["services"]["buffer"] == "unhealthy"


@pytest.mark.parametrize(("speed", "age"), [(1.0, 10), (5.0, 50), (0.0, 10)])
def test_a_replay_ages_by_the_wall_clock_times_its_speed(
    api, buffer, moving_clock, settings, *, speed, age
):
    Source.objects.create(kind=Source.Kind.RECORDED)
    moving_clock.move_to(START + timedelta(days=900))
    data = Fetched(body(simulated(START)[0]), None, "", START + timedelta(days=900), 0.1)
    take(data, buffer, "recorded", replay_speed=speed)
    forget()
    moving_clock.shift(10)
    assert api.get(STATUS).json()["data_age_seconds"] == age


def test_the_network_is_reported_in_its_own_words(api, network):
    answer = api.get(NETWORK).json()
    assert answer["connected_clients"] == network["general"]["connected_clients"]
    assert answer["unique_users"] == network["general"]["unique_users"]
    assert (answer["pilots"], answer["atis"]) == (len(network["pilots"]), len(network["atis"]))
    assert answer["update_timestamp"] == "2026-03-01T12:01:45Z"
    assert (answer["feed_state"], answer["data_age_seconds"]) == ("fresh", 20)
    assert sum(server["clients"] for server in answer["servers"]) == answer["connected_clients"]


def test_counts_are_those_of_the_newest_feed_in_each_quarter_of_an_hour(api, play):
    minutes = (0, 10, 14, 20, 25, 31)
    play(simulated(START + timedelta(minutes=minute)) for minute in minutes)
    forget()
    counts = api.get(NETWORK).json()["counts"]
    assert [count["at"][11:16] for count in counts] == ["12:14", "12:25", "12:31"]
    assert counts[0]["pilots"] == len(feed(START + timedelta(minutes=14))["pilots"])


def test_the_network_of_a_past_time(api, network):
    answer = api.get(NETWORK, {"at": "2026-03-01T12:00:31Z"}).json()
    past = feed(START + timedelta(seconds=30))
    assert answer["update_timestamp"] == "2026-03-01T12:00:30Z"
    assert answer["connected_clients"] == past["general"]["connected_clients"]
    assert answer["data_age_seconds"] == 1
    assert answer["counts"][-1]["at"] == "2026-03-01T12:00:30Z"


def test_ratings_and_facilities_are_named_as_the_feed_names_them(api, network):
    names = ("ratings", "pilot_ratings", "military_ratings", "facilities")
    assert api.get("/api/vatsim/ratings").json() == {name: network[name] for name in names}


def test_hostile_names_of_ratings_stay_text(api, network):
    Reference.objects.filter(name="ratings").update(entries=[{"id": 1, "short": "</script>\u202e"}])
    answer = api.get("/api/vatsim/ratings", HTTP_ACCEPT="text/html")
    assert "&lt;/script&gt;" in answer.content.decode()
