"""Breakers that processes share through Redis, with what they record."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from monitoring.errors import breaker_store, breakers, reporting
from monitoring.errors.breaker_policy import CLOSED, HALF_OPEN, OPEN
from monitoring.errors.breakers import Breaker, BreakerOpen, breaker_states, reset
from monitoring.models import BreakerTransition, RecoveryCount

pytestmark = pytest.mark.usefixtures("fresh_breakers")
OPEN_S = 0.2


class Broken(Exception):
    pass


def make(name: str = "outside", **options) -> Breaker:
    """A breaker; several of one name are as if in several processes."""
    known = {"failed_by": Broken, "failures": 3, "open_s": OPEN_S, "most_open_s": 0.8}
    return Breaker(name, **known | options)


def fail() -> None:
    raise Broken("no use")


def succeed() -> str:
    return "fine"


def break_it(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        with pytest.raises(Broken):
            breaker.call(fail)


def wait_for_the_next_probe(seconds: float = OPEN_S) -> None:
    time.sleep(seconds + 0.02)


def distrust(breaker: Breaker) -> None:
    """Have it ask Redis at the next call."""
    breaker._closed_until = breaker._refused_until = float("-inf")


@pytest.fixture
def redis_that_is_away(settings) -> Callable[[], None]:
    """From the call on, nobody listens where Redis should be."""

    def leave() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings.REDIS_BROKER_URL = f"redis://127.0.0.1:{port}/0"
        breaker_store.client.cache_clear()
        breaker_store._script.cache_clear()

    return leave


def test_it_returns_what_the_call_returns_and_raises_what_it_raises():
    breaker = make()
    assert breaker.call(succeed) == "fine"
    assert breaker(succeed)() == "fine"
    with pytest.raises(Broken):
        breaker(fail)()


def test_failures_in_several_processes_are_one_run():
    one, two = make(), make()
    for breaker in (one, two, one):
        break_it(breaker, 1)
    for breaker in (one, make()):
        with pytest.raises(BreakerOpen) as refused:
            breaker.call(succeed)
        assert 0 < refused.value.retry_in_s <= OPEN_S
    assert breaker_states()["outside"].state is OPEN


def test_only_the_declared_exceptions_are_failures():
    breaker = make()
    for _ in range(20):
        with pytest.raises(KeyError):
            breaker.call(lambda: {}["missing"])
    assert breaker_states()["outside"].state is CLOSED


def test_a_call_can_be_counted_as_failed_without_raising():
    breaker = make(failed_by=())
    for _ in range(3):
        with breaker.guard() as call:
            call.fail("half of it is missing")
    status = breaker_states()["outside"]
    assert (status.state, status.last_failure_reason) == (OPEN, "half of it is missing")


def test_a_success_elsewhere_ends_the_run():
    one, two = make(), make()
    for _ in range(3):  # fewer calls than the share is taken of
        break_it(one, 2)
        distrust(two)
        two.call(succeed)
    assert breaker_states()["outside"].failure_count == 0


def test_successes_are_told_with_the_next_exchange():
    breaker = make(failures=100)
    for _ in range(30):
        breaker.call(succeed)
    assert breaker_states()["outside"].recent_calls == 0
    break_it(breaker, 1)
    status = breaker_states()["outside"]
    assert (status.recent_calls, status.recent_failures, status.failure_count) == (31, 1, 1)


def test_one_probe_at_a_time_over_all_and_three_successes_close():
    breakers_of_all = [make() for _ in range(4)]
    break_it(breakers_of_all[0])
    for _ in range(3):
        wait_for_the_next_probe()
        admitted = 0
        for breaker in breakers_of_all[1:]:
            distrust(breaker)
        with breakers_of_all[1].guard():
            admitted += 1
            for breaker in breakers_of_all[2:]:
                with pytest.raises(BreakerOpen):
                    breaker.call(succeed)
        assert admitted == 1
    assert breaker_states()["outside"].state is CLOSED


def test_a_failed_probe_doubles_the_time():
    breaker = make()
    break_it(breaker)
    for seconds in (OPEN_S, 2 * OPEN_S):
        wait_for_the_next_probe(seconds)
        break_it(breaker, 1)
    with pytest.raises(BreakerOpen) as refused:
        breaker.call(succeed)
    assert 3 * OPEN_S < refused.value.retry_in_s <= 4 * OPEN_S


def test_a_prober_that_dies_frees_the_probe():
    breaker, other = make(probe_s=0.3), make(probe_s=0.3)
    break_it(breaker)
    wait_for_the_next_probe()
    guard = breaker.guard()
    guard.__enter__()  # and never leaves: its process is gone
    with pytest.raises(BreakerOpen):
        other.call(succeed)
    wait_for_the_next_probe(0.3)
    distrust(other)
    assert other.call(succeed) == "fine"


def test_a_probe_that_ends_without_a_verdict_is_given_back():
    breaker = make()
    break_it(breaker)
    wait_for_the_next_probe()
    with pytest.raises(KeyboardInterrupt), breaker.guard():
        raise KeyboardInterrupt
    assert breaker_states()["outside"].state is HALF_OPEN
    assert breaker.call(succeed) == "fine"


def test_threads_of_a_process_lose_no_success():
    breaker = make(failures=100)

    def many() -> None:
        for _ in range(200):
            breaker.call(succeed)

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    break_it(breaker, 1)
    assert breaker_states()["outside"].recent_calls == 1601


# --- Redis is emptied, or away ------------------------------------------------------------------


def test_it_starts_closed_when_redis_was_emptied():
    breaker = make()
    break_it(breaker)
    breaker_store.client().flushdb()
    distrust(breaker)
    assert breaker.call(succeed) == "fine"


def test_the_cache_can_be_emptied_without_closing_it():
    from django.core.cache import cache

    break_it(make())
    cache.clear()
    assert breaker_states()["outside"].state is OPEN


def test_while_redis_is_away_each_process_has_its_own(redis_that_is_away):
    one, two = make(), make("another")
    redis_that_is_away()
    started = time.monotonic()
    break_it(one)
    with pytest.raises(BreakerOpen):
        one.call(succeed)
    assert two.call(succeed) == "fine"
    wait_for_the_next_probe()
    for _ in range(3):
        one.call(succeed)
    assert breaker_states()["outside"].state is CLOSED
    assert time.monotonic() - started < OPEN_S + 2 * breaker_store.TIMEOUT_S


def test_a_black_hole_costs_one_short_wait(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_BROKER_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        breaker_store.client.cache_clear()
        breaker_store._script.cache_clear()
        breaker = make()
        started = time.monotonic()
        for _ in range(100):
            distrust(breaker)
            breaker.call(succeed)
        assert time.monotonic() - started < 2 * breaker_store.TIMEOUT_S + 0.5


def test_when_redis_is_back_what_all_share_counts_again(redis_that_is_away, settings, monkeypatch):
    address = settings.REDIS_BROKER_URL
    breaker = make()
    redis_that_is_away()
    break_it(breaker)
    settings.REDIS_BROKER_URL = address
    breaker_store.client.cache_clear()
    breaker_store._script.cache_clear()
    monkeypatch.setattr(breakers._store, "_away_until", 0.0)
    distrust(breaker)
    assert breaker.call(succeed) == "fine"
    assert breaker_states()["outside"].state is CLOSED


# --- What is recorded ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_change_is_recorded_once_and_a_recovery_counted():
    one, two = make(service="collector"), make(service="collector")
    break_it(one)
    wait_for_the_next_probe()
    break_it(one, 1)
    wait_for_the_next_probe(2 * OPEN_S)
    distrust(two)
    for _ in range(3):
        two.call(succeed)
    assert reporting.flush(5)
    changes = BreakerTransition.objects.order_by("at", "id").values_list("from_state", "to_state")
    assert list(changes) == [
        (CLOSED, OPEN),
        (OPEN, HALF_OPEN),
        (HALF_OPEN, OPEN),
        (OPEN, HALF_OPEN),
        (HALF_OPEN, CLOSED),
    ]
    reasons = BreakerTransition.objects.filter(to_state=OPEN).values_list("reason", flat=True)
    assert list(reasons) == ["Broken: no use"] * 2
    counted = RecoveryCount.objects.get(strategy="circuit_breaker")
    assert (counted.service, counted.operation) == ("collector", "outside")
    assert (counted.attempts, counted.successes, counted.failures) == (2, 1, 1)
    assert 3 * OPEN_S < counted.recover_seconds < 3 * OPEN_S + 2


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_while_postgresql_is_away(postgres_away):
    breaker = make()
    started = time.monotonic()
    break_it(breaker)
    with pytest.raises(BreakerOpen):
        breaker.call(succeed)
    assert time.monotonic() - started < 1


def test_a_reason_holds_no_secret_and_nothing_that_postgresql_refuses(settings):
    breaker = make()

    def tell() -> None:
        raise Broken(f"\0\ud800 password=hunter22\n2026 forged {'x' * 1000}")

    for _ in range(3):
        with pytest.raises(Broken):
            breaker.call(tell)
    reason = breaker_states()["outside"].last_failure_reason
    assert "hunter22" not in reason
    assert "\0" not in reason
    assert "\n" not in reason
    assert len(reason) <= breakers.LONGEST_REASON


@pytest.mark.django_db(transaction=True)
def test_a_reset_closes_it_for_all_and_says_who_did_it(make_user):
    one, two = make(), make()
    break_it(one)
    with pytest.raises(BreakerOpen):
        two.call(succeed)
    operator = make_user("operator", "operator")
    reset("outside", operator)
    distrust(two)
    assert two.call(succeed) == "fine"
    change = BreakerTransition.objects.get(reason="reset")
    assert (change.from_state, change.to_state, change.by) == (OPEN, CLOSED, operator)


@pytest.mark.django_db
def test_a_breaker_that_nobody_knows_cant_be_reset(make_user):
    with pytest.raises(LookupError, match="nothing"):
        reset("nothing", make_user("operator"))
    assert not breaker_states()


def test_a_breaker_whose_subject_is_gone_is_forgotten():
    breaker = make()
    break_it(breaker)
    breaker.forget()
    assert not breaker_states()


def test_a_breaker_that_nobody_used_for_a_day_is_forgotten(monkeypatch):
    make().call(succeed)
    assert set(breaker_states()) == {"outside"}
    a_day_later = breaker_store.now_ms() + breaker_store.FORGOTTEN_MS + 1000
    monkeypatch.setattr(breaker_store, "now_ms", lambda: a_day_later)
    assert not breaker_states()
    assert not breaker_store.client().exists(breaker_store.KEY)
