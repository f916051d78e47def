"""What a poll asks for, and what it leaves alone while that fails."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.utils import timezone

from collector.services import polling, sources
from collector.services.polling import Outcome, PollResult
from monitoring.errors import reporting
from monitoring.errors.breakers import breaker_states
from monitoring.errors.kinds import BreakerState, Strategy
from tests.hostile_server import Answer, HostileServer, in_turn, reply
from tests.integration.collector.simulated import simulated, times

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_breakers")]
OPEN_S = 0.3
BROKEN = reply(b"", "500 Broken")


@pytest.fixture
def recoveries(monkeypatch) -> Counter[tuple[str, str, bool]]:
    """How often each strategy was counted, by strategy, operation and success."""
    counted: Counter[tuple[str, str, bool]] = Counter()

    def count(strategy: Strategy, operation: str, *, succeeded: bool, **_) -> None:
        counted[strategy.value, operation, succeeded] += 1

    monkeypatch.setattr(reporting, "count_recovery", count)
    return counted


@pytest.fixture
def reported(monkeypatch) -> list[str]:
    """The errors that were reported."""
    texts: list[str] = []
    monkeypatch.setattr(reporting, "report", lambda error, **_: texts.append(str(error)))
    monkeypatch.setattr(reporting, "write_later", lambda *_: None)
    return texts


@pytest.fixture
def answers(settings, monkeypatch, buffer, recoveries, reported) -> Iterator[dict[str, Answer]]:
    """What a server answers to polls of a new process, by path."""
    settings.CIRCUIT_BREAKER_TIMEOUT = OPEN_S
    settings.POLL_LOCK_SECONDS = 0.001
    settings.VATSIM_API_TIMEOUT = 5
    settings.VATSIM_API_RETRY_ATTEMPTS = 0
    for name in ("FEED", "TRANSCEIVERS"):
        breaker = getattr(polling, name)
        fresh = sources.breaker(breaker.name, breaker._failed_by)
        monkeypatch.setattr(polling, name, fresh)
    monkeypatch.setattr(sources, "DIRECTORY", sources.breaker("directory", Exception))
    sources._read_directory.cache_clear()
    answers: dict[str, Answer] = {}
    with HostileServer(answers) as server:
        answers["server"] = server  # type: ignore[assignment] # for those who look at it
        settings.VATSIM_API_URL = server.url("/data")
        settings.VATSIM_TRANSCEIVERS_URL = server.url("/radio")
        yield answers
    sources._read_directory.cache_clear()


def serve(answers: dict[str, Answer], number: int = 0) -> None:
    """Answer properly from now on, with a feed of its own."""
    data, radios = simulated(times(number + 1)[number])
    answers["/data"], answers["/radio"] = reply(data), reply(radios)


def asked(answers: dict[str, Answer], path: str = "/data") -> int:
    return sum(request.startswith(f"GET {path} ") for request in answers["server"].requests)


def poll() -> PollResult:
    time.sleep(0.003)
    return polling.poll(timezone.now())


def reasons(buffer) -> list[str]:
    return [failure.reason for failure in buffer.failures()]


def test_a_feed_that_fails_thrice_is_left_alone_for_a_while(answers, buffer, reported):
    answers["/data"] = answers["/radio"] = BROKEN
    results = [poll() for _ in range(5)]
    assert {result.outcome for result in results} == {Outcome.FAILED}
    assert asked(answers) == 3
    assert reasons(buffer) == ["status"] * 3 + ["breaker_open"] * 2
    assert len(reported) == 3
    assert breaker_states()["feed"].state is BreakerState.OPEN


def test_a_feed_that_is_well_again_closes_its_breaker_by_itself(answers, recoveries):
    answers["/data"] = answers["/radio"] = BROKEN
    for _ in range(3):
        poll()
    serve(answers)
    time.sleep(OPEN_S)
    assert poll().outcome is Outcome.TAKEN
    for number in (1, 2):
        serve(answers, number)
        assert poll().outcome is Outcome.TAKEN
    assert breaker_states()["feed"].state is BreakerState.CLOSED
    assert recoveries["circuit_breaker", "feed", True] == 1


def test_while_it_stays_broken_there_is_one_probe_a_window(answers, recoveries):
    answers["/data"] = answers["/radio"] = BROKEN
    for _ in range(3):
        poll()
    end = time.monotonic() + 4.5 * OPEN_S  # windows of one, two and most of two: two probes
    while time.monotonic() < end:
        poll()
    assert asked(answers) == 3 + 2
    assert recoveries["circuit_breaker", "feed", False] == 2


def test_transceivers_that_fail_leave_the_feed_alone(answers, buffer):
    for number in range(5):
        serve(answers, number)
        answers["/radio"] = BROKEN
        assert poll().outcome is Outcome.TAKEN
    assert (asked(answers), asked(answers, "/radio")) == (5, 3)
    errors = [feed.transceivers_error for feed in buffer.feeds()]
    assert errors == ["status"] * 3 + ["breaker_open"] * 2
    states = breaker_states()
    assert states["feed"].state is BreakerState.CLOSED
    assert states["transceivers"].state is BreakerState.OPEN


def test_a_feed_that_fails_says_nothing_of_transceivers(answers):
    answers["/data"], answers["/radio"] = BROKEN, reply(b"[]")
    for _ in range(3):
        poll()
    assert breaker_states()["transceivers"].failure_count == 0


def test_retries_within_a_fetch_are_counted(answers, settings, recoveries):
    settings.VATSIM_API_RETRY_ATTEMPTS = 1
    serve(answers)
    answers["/data"] = in_turn(BROKEN, answers["/data"])
    answers["/radio"] = BROKEN
    assert poll().outcome is Outcome.TAKEN
    assert recoveries["retry", "feed", True] == 1
    assert recoveries["retry", "transceivers", False] == 1


# --- The status file ----------------------------------------------------------------------------


@pytest.fixture
def directory(answers, settings) -> None:
    """The addresses come from a status file."""
    server = answers["server"]
    settings.VATSIM_STATUS_URL = server.url("/status.json")
    listed = f'{{"data": {{"v3": ["{server.url("/data")}"], "transceivers": []}}}}'
    settings.VATSIM_API_URL = settings.VATSIM_TRANSCEIVERS_URL = ""
    answers["/status.json"] = reply(listed.encode())


def restart() -> None:
    """Forget the status file, as a new process would."""
    sources._read_directory.cache_clear()


def test_the_last_status_file_serves_while_there_is_none(answers, directory, recoveries, reported):
    serve(answers)
    assert poll().outcome is Outcome.TAKEN
    restart()
    answers["/status.json"] = BROKEN
    for number in range(1, 6):
        serve(answers, number)
        assert poll().outcome is Outcome.TAKEN
    assert asked(answers, "/status.json") == 1 + 3  # then its breaker was open
    assert recoveries["fallback", "directory", True] == 5
    assert len(reported) == 3


def test_without_any_status_file_the_feed_fails(answers, buffer, directory, recoveries):
    serve(answers)
    answers["/status.json"] = BROKEN
    assert [poll().outcome for _ in range(4)] == [Outcome.FAILED] * 4
    assert asked(answers) == 0
    assert recoveries["fallback", "directory", False] == 3
    assert reasons(buffer) == ["status"] * 3 + ["breaker_open"]


def test_the_last_status_file_of_another_address_does_not_serve(
    answers, settings, buffer, directory
):
    serve(answers)
    poll()
    restart()
    settings.VATSIM_STATUS_URL = answers["server"].url("/other.json")
    answers["/other.json"] = BROKEN
    assert poll().outcome is Outcome.FAILED
