"""When a circuit breaker opens, probes and closes: plain rules over a breaker's condition.

A process exchanges messages with a breaker: it asks whether a call may go out, and tells how it
went. `breakers.lua` states the same rules for Redis, which all processes share; this module serves
a process that Redis does not answer, and says what the script has to do.

All times are whole milliseconds of the epoch, on one clock: that of Redis, or the process's own.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from monitoring.errors.kinds import BreakerState

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SLICES = 6  # in which the calls of a window are counted


class Policy(msgspec.Struct, frozen=True):
    """How much failure a breaker bears, and how long it stays open."""

    failures: int = 5  # one after the other, that open it
    least_calls: int = 10  # in a window, of which half failed: that opens it, too
    window_ms: int = 60_000
    open_ms: int = 30_000  # at first; each failed probe doubles it
    most_open_ms: int = 300_000
    probe_ms: int = 30_000  # after which a probe that nobody heard of again is given up
    successes: int = 3  # probes one after the other, that close it


class Condition(msgspec.Struct):
    """All that is known of a breaker; a time of 0 is none."""

    state: BreakerState = CLOSED
    since: int = 0  # the time of its last change
    run: int = 0  # failures since the last success
    calls: dict[str, int] = msgspec.field(default_factory=dict)  # by number of the slice
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    opened_at: int = 0  # when it was last closed
    open_ms: int = 0  # how long it is open this time
    until_at: int = 0  # open: the next probe may go; half open: the present one is given up
    probe: str = ""  # who probes
    successes: int = 0  # of probes
    failed_at: int = 0  # the last failure
    reason: str = ""  # of the last failure
    seen_at: int = 0  # the last message


class Word(StrEnum):
    """What a process tells a breaker, or asks of it."""

    ASK = "ask"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RELEASED = "released"  # the call ended without saying anything of the other side
    RESET = "reset"  # a person closes it


class Message(msgspec.Struct, frozen=True):
    """What a process says, with the successes that it has not spoken of yet."""

    word: Word
    token: str = ""  # of the call that asks, or of the probe that was made
    reason: str = ""
    successes: int = 0
    success_age_ms: int = 0  # of the newest of them


class Verdict(StrEnum):
    """What may be done."""

    CALL = "call"
    PROBE = "probe"
    REFUSED = "refused"


class Transition(msgspec.Struct, frozen=True):
    """A change of state; `lasted_ms` is how long it was not closed, where it is now."""

    at: int
    from_state: BreakerState
    to_state: BreakerState
    reason: str = ""
    lasted_ms: int = 0


class Reply(msgspec.Struct):
    """A breaker's answer: the verdict where one was asked for, and what has changed."""

    verdict: Verdict = Verdict.CALL
    retry_ms: int = 0  # after which a refused caller may ask again
    run: int = 0
    transition: Transition | None = None


@dataclass(slots=True)
class _Exchange:
    condition: Condition
    policy: Policy
    now: int
    reply: Reply

    def change(self, state: BreakerState, reason: str = "") -> None:
        condition = self.condition
        lasted = self.now - condition.opened_at if state is CLOSED and condition.opened_at else 0
        self.reply.transition = Transition(self.now, condition.state, state, reason, lasted)
        condition.state, condition.since = state, self.now
        condition.successes = 0

    def count(self, at: int, calls: int, failed: int) -> None:
        slice_ms = self.policy.window_ms // SLICES
        number, oldest = at // slice_ms, self.now // slice_ms - SLICES + 1
        for counts, more in ((self.condition.calls, calls), (self.condition.failed, failed)):
            counts[str(number)] = counts.get(str(number), 0) + more
            for old in [each for each in counts if int(each) < oldest]:
                del counts[old]


def exchange(condition: Condition, policy: Policy, message: Message, now: int) -> Reply:
    """Change a breaker's condition by what a process says, and answer."""
    said = _Exchange(condition, policy, now, Reply())
    condition.seen_at = now
    if message.successes and condition.state is CLOSED:
        _note_successes(said, message)
    _WORDS[message.word](said, message)
    said.reply.run = condition.run
    return said.reply


def _note_successes(said: _Exchange, message: Message) -> None:
    at = said.now - message.success_age_ms
    if at > said.condition.failed_at:  # what succeeded earlier ends no run of failures
        said.condition.run = 0
    said.count(at, message.successes, 0)


def _ask(said: _Exchange, message: Message) -> None:
    condition, reply = said.condition, said.reply
    if condition.state is CLOSED:
        return
    if said.now < condition.until_at:
        reply.verdict, reply.retry_ms = Verdict.REFUSED, condition.until_at - said.now
        return
    if condition.state is OPEN:
        said.change(HALF_OPEN)
    reply.verdict = Verdict.PROBE
    condition.probe, condition.until_at = message.token, said.now + said.policy.probe_ms


def _succeeded(said: _Exchange, message: Message) -> None:
    condition = said.condition
    if condition.state is CLOSED:
        condition.run = 0
        said.count(said.now, 1, 0)
    elif _is_probe(condition, message):
        condition.probe, condition.until_at = "", 0
        condition.successes += 1
        if condition.successes >= said.policy.successes:
            _close(said)


def _failed(said: _Exchange, message: Message) -> None:
    condition, policy = said.condition, said.policy
    if condition.state is CLOSED:
        said.count(said.now, 1, 1)
        _note_failure(said, message)
        if condition.run >= policy.failures or _half_failed(condition, policy):
            condition.opened_at = said.now
            _open(said, message, policy.open_ms)
    elif _is_probe(condition, message):
        _note_failure(said, message)
        _open(said, message, min(2 * condition.open_ms, policy.most_open_ms))


def _released(said: _Exchange, message: Message) -> None:
    if _is_probe(said.condition, message):
        said.condition.probe, said.condition.until_at = "", 0


def _reset(said: _Exchange, message: Message) -> None:
    _close(said, message.reason)


_WORDS = {
    Word.ASK: _ask,
    Word.SUCCEEDED: _succeeded,
    Word.FAILED: _failed,
    Word.RELEASED: _released,
    Word.RESET: _reset,
}


def _is_probe(condition: Condition, message: Message) -> bool:
    """Whether it is the present probe that speaks.

    Calls that went out before it opened, and probes that were given up, say nothing any more.
    """
    return condition.state is HALF_OPEN and bool(message.token) and condition.probe == message.token


def _note_failure(said: _Exchange, message: Message) -> None:
    said.condition.run += 1
    said.condition.failed_at, said.condition.reason = said.now, message.reason


def _half_failed(condition: Condition, policy: Policy) -> bool:
    calls = sum(condition.calls.values())
    return calls >= policy.least_calls and 2 * sum(condition.failed.values()) >= calls


def _open(said: _Exchange, message: Message, open_ms: int) -> None:
    said.change(OPEN, message.reason)
    said.condition.open_ms, said.condition.until_at = open_ms, said.now + open_ms
    said.condition.probe = ""


def _close(said: _Exchange, reason: str = "") -> None:
    condition = said.condition
    said.change(CLOSED, reason)
    condition.run = condition.opened_at = condition.open_ms = condition.until_at = 0
    condition.probe = ""
    condition.calls, condition.failed = {}, {}
