"""When a breaker opens, probes and closes; time is passed by hand, in milliseconds."""

import pytest

from monitoring.errors.breaker_policy import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    Condition,
    Message,
    Policy,
    Reply,
    Transition,
    Verdict,
    Word,
    exchange,
)

POLICY = Policy(failures=3, open_ms=30_000, most_open_ms=60_000, probe_ms=10_000)


class Driver:
    """A breaker and a clock."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.now = 1_700_000_000_000
        self.condition = Condition()
        self.policy = policy
        self.transitions: list[Transition] = []

    def say(self, word: Word, token: str = "", **further) -> Reply:
        message = Message(word, token, **further)
        reply = exchange(self.condition, self.policy, message, self.now)
        if reply.transition:
            self.transitions.append(reply.transition)
        return reply

    def ask(self, who: str = "a") -> Verdict:
        return self.say(Word.ASK, who).verdict

    def fail(self, times: int = 1, token: str = "") -> None:
        for _ in range(times):
            self.say(Word.FAILED, token, reason="broken")

    def succeed(self, times: int = 1, token: str = "") -> None:
        for _ in range(times):
            self.say(Word.SUCCEEDED, token)

    def pass_s(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture
def breaker() -> Driver:
    return Driver()


@pytest.fixture
def broken(breaker: Driver) -> Driver:
    """A breaker that has just opened."""
    breaker.fail(3)
    assert breaker.condition.state is OPEN
    return breaker


def test_a_closed_breaker_lets_everything_through(breaker: Driver):
    assert [breaker.ask(token) for token in "abc"] == [Verdict.CALL] * 3


def test_a_run_of_failures_opens(breaker: Driver):
    breaker.fail(2)
    assert breaker.ask() is Verdict.CALL
    breaker.fail()
    assert breaker.ask() is Verdict.REFUSED
    (opened,) = breaker.transitions
    assert (opened.from_state, opened.to_state, opened.reason) == (CLOSED, OPEN, "broken")


def test_a_success_ends_the_run(breaker: Driver):
    for _ in range(4):
        breaker.fail(2)
        breaker.succeed()
        breaker.pass_s(60)  # so that the share of failures doesn't open it
    assert breaker.condition.state is CLOSED


def test_half_of_many_calls_failing_opens_without_a_run():
    breaker = Driver(Policy(failures=100))
    for _ in range(4):
        breaker.succeed()
        breaker.fail()
    breaker.succeed(2)
    assert breaker.condition.state is CLOSED  # 4 of 10
    breaker.fail(2)
    assert breaker.condition.state is OPEN  # 6 of 12


def test_half_of_few_calls_failing_does_not_open():
    breaker = Driver(Policy(failures=100))
    breaker.fail(9)
    assert breaker.condition.state is CLOSED
    breaker.fail()
    assert breaker.condition.state is OPEN


def test_what_failed_over_a_minute_ago_counts_no_more():
    breaker = Driver(Policy(failures=100))
    breaker.fail(9)
    breaker.pass_s(61)
    breaker.fail()
    assert breaker.condition.state is CLOSED
    assert sum(breaker.condition.calls.values()) == 1


def test_successes_told_later_count_in_the_share_and_end_only_runs_before_them():
    breaker = Driver(Policy(failures=3))
    breaker.fail(2)
    breaker.pass_s(5)
    breaker.say(Word.ASK, "a", successes=4, success_age_ms=8_000)  # before the failures
    assert breaker.condition.run == 2
    breaker.say(Word.ASK, "a", successes=1, success_age_ms=1_000)
    assert breaker.condition.run == 0
    assert sum(breaker.condition.calls.values()) == 7


def test_successes_from_before_the_window_count_no_more():
    breaker = Driver(Policy(failures=100))
    breaker.say(Word.ASK, "a", successes=1000, success_age_ms=3_600_000)
    breaker.fail(10)
    assert breaker.condition.state is OPEN


def test_an_open_breaker_refuses_until_its_time_is_over_and_says_when(broken: Driver):
    broken.pass_s(10)
    reply = broken.say(Word.ASK, "a")
    assert (reply.verdict, reply.retry_ms) == (Verdict.REFUSED, 20_000)
    broken.pass_s(20)
    assert broken.ask() is Verdict.PROBE
    assert broken.condition.state is HALF_OPEN


def test_one_probes_at_a_time(broken: Driver):
    broken.pass_s(30)
    assert [broken.ask(token) for token in "abc"] == [
        Verdict.PROBE,
        Verdict.REFUSED,
        Verdict.REFUSED,
    ]
    broken.succeed(token="a")
    assert [broken.ask(token) for token in "bc"] == [Verdict.PROBE, Verdict.REFUSED]


def test_three_successful_probes_close(broken: Driver):
    broken.pass_s(30)
    for token in "abc":
        assert broken.ask(token) is Verdict.PROBE
        broken.pass_s(1)
        broken.succeed(token=token)
    assert broken.condition.state is CLOSED
    assert broken.condition.run == 0
    assert broken.transitions[-1].lasted_ms == 33_000
    assert broken.ask() is Verdict.CALL


def test_a_failed_probe_doubles_the_time_up_to_the_longest(broken: Driver):
    for seconds in (30, 60, 60, 60):
        broken.pass_s(seconds - 0.001)
        assert broken.ask() is Verdict.REFUSED
        broken.pass_s(0.001)
        assert broken.ask("a") is Verdict.PROBE
        broken.fail(token="a")
        assert broken.condition.state is OPEN


def test_a_failed_probe_after_successful_ones_opens_again(broken: Driver):
    broken.pass_s(30)
    for token in "ab":
        broken.ask(token)
        broken.succeed(token=token)
    broken.ask("c")
    broken.fail(token="c")
    broken.pass_s(60)
    broken.ask("d")
    broken.succeed(token="d")
    assert broken.condition.state is HALF_OPEN  # the count of successes began anew


def test_after_closing_it_is_open_for_the_first_time_again(broken: Driver):
    broken.pass_s(30)
    broken.ask("a")
    broken.fail(token="a")
    broken.pass_s(60)
    for token in "bcd":
        broken.ask(token)
        broken.succeed(token=token)
    broken.fail(3)
    assert broken.say(Word.ASK, "a").retry_ms == 30_000


def test_a_probe_that_is_not_heard_of_is_given_up(broken: Driver):
    broken.pass_s(30)
    assert broken.ask("dies") is Verdict.PROBE
    broken.pass_s(9)
    assert broken.say(Word.ASK, "b").retry_ms == 1_000
    broken.pass_s(1)
    assert broken.ask("b") is Verdict.PROBE
    broken.succeed(token="dies")  # came back too late
    broken.fail(token="dies")
    assert (broken.condition.state, broken.condition.successes) == (HALF_OPEN, 0)


def test_a_probe_can_be_given_back(broken: Driver):
    broken.pass_s(30)
    broken.ask("a")
    broken.say(Word.RELEASED, "a")
    assert broken.ask("b") is Verdict.PROBE


def test_calls_from_before_it_opened_change_nothing_any_more(broken: Driver):
    until = broken.condition.until_at
    broken.fail(5)
    broken.succeed(5)
    assert (broken.condition.state, broken.condition.until_at) == (OPEN, until)
    broken.pass_s(30)
    broken.ask("a")
    broken.succeed(5)
    broken.fail(5)
    assert broken.condition.state is HALF_OPEN


def test_a_person_closes_it_whatever_its_state(broken: Driver):
    broken.say(Word.RESET, reason="reset")
    assert broken.condition.state is CLOSED
    assert broken.transitions[-1].reason == "reset"
    broken.fail(2)
    assert broken.condition.state is CLOSED
    broken.fail()
    broken.pass_s(30)
    broken.ask("a")
    broken.say(Word.RESET, reason="reset")
    assert broken.ask() is Verdict.CALL
