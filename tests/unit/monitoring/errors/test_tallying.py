"""Everything that counts errors is bounded."""

import time

from monitoring.errors.fingerprint import fingerprint_of
from monitoring.errors.kinds import Category, Severity, Strategy
from monitoring.errors.records import CountRecord, Kind, RecoveryRecord
from monitoring.errors.tallying import KINDS, MESSAGES, SAMPLES, Key, Tally


def key(message: str = "m", place: tuple[str, ...] = ("f",)) -> Key:
    return Key(ValueError, place, message, "s", "o", None, None)


def describe(key: Key) -> Kind:
    return Kind(
        fingerprint=fingerprint_of("ValueError", key.place, key.message),
        exception_type="ValueError",
        message=key.message,
        severity=Severity.HIGH,
        category=Category.UNKNOWN,
        service=key.service,
        operation=key.operation,
    )


class Clock:
    now = 7200.0 * 1000 + 10

    def __call__(self) -> float:
        return self.now


def test_errors_of_a_kind_are_counted_once_each_time_they_are_taken() -> None:
    clock = Clock()
    tally = Tally(clock)
    for _ in range(3):
        tally.count(tally.find(key(), describe))
        clock.now += 1
    assert tally.is_waiting
    (record,) = tally.take()
    assert isinstance(record, CountRecord)
    assert record.count == 3
    assert record.last_at.timestamp() - record.first_at.timestamp() == 2
    assert tally.take() == []
    assert not tally.is_waiting


def test_a_few_samples_of_a_kind_and_hour_are_wanted() -> None:
    clock = Clock()
    tally = Tally(clock)
    wanted = [tally.wants_sample(tally.find(key(), describe)) for _ in range(SAMPLES + 5)]
    assert wanted == [True] * SAMPLES + [False] * 5
    clock.now += 3600
    assert tally.wants_sample(tally.find(key(), describe))


def test_errors_before_and_after_the_full_hour_count_for_their_own() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.count(tally.find(key(), describe))
    tally.count_recovery(Strategy.RETRY, "s", "o", True, 2.0)
    clock.now += 3600
    tally.count(tally.find(key(), describe))
    tally.count_recovery(Strategy.RETRY, "s", "o", False, 9.0)
    records = tally.take()
    counts = [each for each in records if isinstance(each, CountRecord)]
    assert [each.count for each in counts] == [1, 1]
    assert len({each.last_at.hour for each in counts}) == 2
    first, second = (each for each in records if isinstance(each, RecoveryRecord))
    assert (first.successes, first.failures, first.seconds) == (1, 0, 2.0)
    assert (second.successes, second.failures, second.seconds) == (0, 1, 0.0)
    assert first.hour < second.hour


def test_many_messages_at_one_place_become_one_kind() -> None:
    tally = Tally()
    for letter in range(1000):
        tally.count(tally.find(key(f"message {chr(letter + 1000)}"), describe))
    records = tally.take()
    assert len(records) == MESSAGES + 1
    assert sum(each.count for each in records) == 1000
    tally.count(tally.find(key("another", ("g",)), describe))
    assert tally.take()[0].kind.message == "another"


def test_kinds_are_bounded_by_places() -> None:
    tally = Tally()
    for place in range(200):
        for message in range(40):
            tally.count(tally.find(key(f"m{message}", (f"f{place}",)), describe))
    assert len(tally.take()) <= KINDS + 200


def test_counting_costs_microseconds() -> None:
    tally = Tally()
    started = time.process_time()
    for _ in range(20_000):
        tally.count(tally.find(key(), describe))
    assert (time.process_time() - started) / 20_000 < 20e-6


def test_operations_that_a_caller_makes_up_are_bounded() -> None:
    tally, asked = Tally(Clock()), []

    def note(key: Key) -> Kind:
        asked.append(key)
        return describe(key)

    for number in range(KINDS + 500):
        tally.count(tally.find(key()._replace(operation=f"METHOD{number} /"), note))
    assert len(asked) == KINDS + 1
    assert sum(record.count for record in tally.take()) == KINDS + 500
