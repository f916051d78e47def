import ipaddress

import pytest
import time_machine
from constance import config

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]

ADDRESS = "/api/probe/public"


@pytest.fixture(autouse=True)
def clock():
    config.PUBLIC_REQUESTS_PER_MINUTE = 3
    with time_machine.travel("2026-11-22T10:15:20Z", tick=False) as clock:
        yield clock


def statuses(api, count: int, **headers) -> list[int]:
    return [api.get(ADDRESS, **headers).status_code for _ in range(count)]


def test_an_anonymous_reader_may_ask_so_often_a_minute(api, clock):
    assert statuses(api, 4) == [200, 200, 200, 429]
    refusal = api.get(ADDRESS)
    assert refusal["Retry-After"] == "40"
    assert refusal.json()["error"]["code"] == "throttled"
    clock.shift(40)
    assert statuses(api, 1) == [200]


@pytest.mark.parametrize(
    ("address", "headers", "refusal"),
    [
        ("/api/probe/staff", {}, 401),
        ("/api/probe/staff", {"HTTP_AUTHORIZATION": "Bearer unknown"}, 401),
        (f"{ADDRESS}?format=xyz", {}, 400),
        (f"{ADDRESS}?format=xyz", {"HTTP_AUTHORIZATION": "Bearer unknown"}, 400),
        (f"{ADDRESS}?hours=x", {}, 400),
        (ADDRESS, {"HTTP_ACCEPT": "nonsense"}, 406),
    ],
)
def test_refused_requests_count_once_each(api, address, headers, refusal):
    answers = [api.get(address, **headers).status_code for _ in range(4)]
    assert answers == [refusal] * 3 + [429]


def test_a_closed_api_counts_what_it_refuses(api):
    config.PUBLIC_API = False
    assert statuses(api, 4) == [401, 401, 401, 429]


def test_who_signed_in_is_refused_as_often_as_they_like(signed_in):
    viewer = signed_in("viewer")
    answers = [viewer.get("/api/probe/operators").status_code for _ in range(4)]
    assert answers == [403] * 4


def test_each_address_is_counted_by_itself(api):
    statuses(api, 4)
    assert statuses(api, 1, REMOTE_ADDR="192.0.2.1") == [200]


def test_a_spoofed_forwarded_address_changes_nothing(api):
    assert [
        api.get(ADDRESS, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code for n in range(4)
    ] == [200, 200, 200, 429]


def test_behind_a_trusted_proxy_its_clients_are_counted(api, settings):
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1")]
    statuses(api, 4, HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert statuses(api, 1, HTTP_X_FORWARDED_FOR="198.51.100.1") == [429]
    assert statuses(api, 1, HTTP_X_FORWARDED_FOR="198.51.100.2") == [200]


def test_a_whole_ipv6_neighbourhood_is_one_reader(api):
    answers = [api.get(ADDRESS, REMOTE_ADDR=f"2001:db8::{n}").status_code for n in range(1, 5)]
    assert answers == [200, 200, 200, 429]
    assert statuses(api, 1, REMOTE_ADDR="2001:db8:0:1::1") == [200]


def test_who_signed_in_is_not_throttled(signed_in):
    assert statuses(signed_in("viewer"), 5) == [200] * 5


@pytest.mark.usefixtures("redis_away")
def test_without_redis_everybody_may_ask(api):
    assert statuses(api, 5) == [200] * 5
