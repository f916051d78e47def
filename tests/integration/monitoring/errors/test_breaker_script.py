"""The script in Redis does what the rules in Python say, whatever is said in whatever order."""

import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.errors import breaker_store
from monitoring.errors.breaker_policy import Condition, Message, Policy, Reply, Word, exchange

# The same script, on a clock that the test moves.
CLOCK = "redis.call('TIME')"
assert CLOCK in breaker_store.SCRIPT
SCRIPT = breaker_store.SCRIPT.replace(
    CLOCK, "{string.sub(ARGV[4], 1, -4), string.sub(ARGV[4], -3) .. '000'}"
)
START_MS = 1_700_000_000_123
KEY = "test:breakers"
numbers = itertools.count()

policies = st.builds(
    Policy,
    failures=st.integers(1, 4),
    least_calls=st.integers(1, 12),
    open_ms=st.integers(100, 20_000),
    most_open_ms=st.integers(20_000, 60_000),
    probe_ms=st.integers(100, 20_000),
    successes=st.integers(1, 3),
)
messages = st.builds(
    Message,
    word=st.sampled_from([Word.ASK, Word.ASK, Word.SUCCEEDED, Word.FAILED, Word.FAILED, *Word]),
    token=st.sampled_from(["a", "a", "b", ""]),
    reason=st.sampled_from(["", "FeedUnavailable: timeout", '"\\ ünïcode 🛩 {}']),
    successes=st.sampled_from([0, 0, 1, 12]),
    success_age_ms=st.integers(0, 90_000),
)
pauses_ms = st.sampled_from([0, 1, 99, 1_000, 10_000, 30_000])


@settings(deadline=None, max_examples=100)
@given(policies, st.lists(st.tuples(pauses_ms, messages), min_size=40, max_size=80))
def test_script_and_rules_agree(policy: Policy, said: list[tuple[int, Message]]):
    client = breaker_store.client()
    name, condition, now = f"b{next(numbers)}", Condition(), START_MS
    for pause_ms, message in said:
        now += pause_ms
        words = [name, msgspec.json.encode(policy), msgspec.json.encode(message), now]
        answer = client.eval(SCRIPT, 1, KEY, *words)
        assert msgspec.json.decode(answer, type=Reply) == exchange(condition, policy, message, now)
        stored = msgspec.json.decode(client.hget(KEY, name), type=Condition)
        assert stored == condition
    client.delete(KEY)
