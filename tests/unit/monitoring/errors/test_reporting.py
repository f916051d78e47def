"""The one way in for errors."""

import os
import subprocess
import sys
import threading
import time
import timeit
from collections.abc import Iterator

import pytest

from monitoring import correlation
from monitoring.errors import hooks, reporting
from monitoring.errors.breakers import BreakerOpen
from monitoring.errors.kinds import Category, Severity, Strategy
from monitoring.errors.records import AnyRecord, CountRecord, ErrorRecord, RecoveryRecord
from monitoring.errors.reporting import count_recovery, flush, guarded, report
from monitoring.errors.tallying import MESSAGES, SAMPLES


def fail(message: str) -> None:
    raise ValueError(message)


def raised(message: str) -> ValueError:
    try:
        fail(message)
    except ValueError as error:
        return error
    raise AssertionError


def errors(reported: list[AnyRecord]) -> list[ErrorRecord]:
    assert flush(5)
    return [each for each in reported if isinstance(each, ErrorRecord)]


def total(reported: list[AnyRecord]) -> int:
    assert flush(5)
    counted = [each.count for each in reported if isinstance(each, CountRecord)]
    return len(errors(reported)) + sum(counted)


def test_a_guarded_block_reports_what_passes_it_and_lets_it_go_on(reported) -> None:
    with (
        correlation.use("correlation-1"),
        pytest.raises(ValueError, match="bad 7"),
        guarded("outer", service="collector", feed="f", depth=1),
        guarded("inner", depth=2, password="hidden"),
    ):
        raise ValueError("bad 7")
    (error,) = errors(reported)
    assert (error.kind.service, error.kind.operation) == ("collector", "inner")
    assert (error.kind.category, error.kind.severity) == (Category.UNKNOWN, Severity.HIGH)
    assert error.kind.exception_type == "ValueError"
    assert (error.message, error.kind.message) == ("bad 7", "bad #")
    assert error.context == {"feed": "f", "depth": 2, "password": "[withheld]"}
    assert error.correlation_id == "correlation-1"
    assert "test_reporting.py" in error.traceback
    assert error.process.endswith(f":{os.getpid()}")


def test_a_guarded_function_can_call_itself(reported) -> None:
    @guarded("deep", service="tests")
    def descend(left: int) -> None:
        if not left:
            raise KeyError("x")
        descend(left - 1)

    with pytest.raises(KeyError):
        descend(3)
    assert total(reported) == 1


def test_the_operation_in_force_ends_with_its_block(reported) -> None:
    with guarded("one", service="a"):
        pass
    report(ValueError())
    (error,) = errors(reported)
    assert (error.kind.service, error.kind.operation) == ("", "")


def test_the_reporter_may_know_better(reported) -> None:
    with guarded("one", service="a"):
        report(
            ValueError(),
            service="b",
            operation="two",
            severity=Severity.LOW,
            category=Category.API,
            context={"n": 1},
        )
    (error,) = errors(reported)
    kind = error.kind
    assert (kind.service, kind.operation, kind.severity, kind.category) == (
        "b", "two", Severity.LOW, Category.API,
    )  # fmt: skip


def test_what_is_no_failure_does_not_count(reported) -> None:
    report(BreakerOpen("feed", 3))
    report(KeyboardInterrupt())
    assert total(reported) == 0


class Hostile(Exception):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


def test_an_error_whose_own_code_raises_is_reported_too(reported) -> None:
    with pytest.raises(Hostile), guarded("x", service="y", odd=Hostile()):
        raise Hostile
    (error,) = errors(reported)
    assert "can't be had" in error.message


def test_a_storm_keeps_few_and_counts_the_others(reported) -> None:
    for number in range(3000):
        report(raised(f"pilot {number} of {number * 7}"))
    assert len(errors(reported)) == SAMPLES
    assert total(reported) == 3000


def test_hostile_messages_make_few_groups(reported) -> None:
    for number in range(2000):
        report(raised("".join(chr(0x4E00 + int(digit)) for digit in str(number))))
    assert total(reported) == 2000
    prints = {r.kind.fingerprint for r in reported if isinstance(r, ErrorRecord | CountRecord)}
    assert len(prints) <= MESSAGES + 1


def test_errors_can_be_counted_only(reported, settings) -> None:
    settings.ERROR_MANAGER_ENABLED = False
    report(ValueError())
    assert errors(reported) == []
    assert total(reported) == 1


def test_recoveries_are_summed(reported) -> None:
    for seconds in (1.0, 2.0):
        count_recovery(Strategy.RETRY, "flush", succeeded=True, seconds=seconds, service="c")
    count_recovery(Strategy.RETRY, "flush", succeeded=False, seconds=9.0, service="c")
    assert flush(5)
    recoveries = [each for each in reported if isinstance(each, RecoveryRecord)]
    assert sum(each.successes for each in recoveries) == 2
    assert sum(each.failures for each in recoveries) == 1
    assert sum(each.seconds for each in recoveries) == 3.0


def test_a_guard_costs_little_where_nothing_fails() -> None:
    def work() -> None:
        with guarded("x", service="y", a=1):
            pass

    assert min(timeit.repeat(work, number=2000, repeat=5)) / 2000 < 20e-6


def test_five_thousand_errors_a_second_cost_a_few_percent(reported) -> None:
    caught = [raised(f"no plan of BAW{number} at {number / 7}") for number in range(5000)]
    started = time.process_time()
    for error in caught:
        report(error)
    assert time.process_time() - started < 0.2, "of one second; the measured figure is 0.05"
    assert total(reported) == 5000


def test_a_forked_child_writes_what_it_reports_itself(reported) -> None:
    report(ValueError("parent"))
    assert flush(5)
    pid = os.fork()
    if not pid:
        # What was put in place for the test is the parent's; the child has its own.
        ok = reporting._writer._thread is None and reporting._writer.flush(0)
        os._exit(0 if ok else 1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    return capsys


def test_what_ends_a_thread_is_reported_and_shown_scrubbed(reported, shown, monkeypatch) -> None:
    monkeypatch.setattr(threading, "excepthook", hooks.report_thread)

    def fail() -> None:
        raise RuntimeError("postgresql://me:hunter2@db/x")

    thread = threading.Thread(target=fail, name="worker-7")
    thread.start()
    thread.join()
    (error,) = errors(reported)
    assert error.kind.operation == "thread worker-7"
    said = shown.readouterr().err
    assert "RuntimeError" in said
    assert "hunter2" not in said + error.traceback + error.message


def test_what_ends_a_command_is_reported_shown_and_ends_it_with_1(tmp_path) -> None:
    code = (
        "import django; django.setup();"
        "raise RuntimeError('password=hunter2 of postgresql://me:hunter3@db')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "vatsim_site.settings",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "VAR_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "RuntimeError" in ended.stderr
    spooled = (tmp_path / "errors" / "current.jsonl").read_text()
    assert '"exception_type":"RuntimeError"' in spooled
    assert "hunter" not in spooled + ended.stderr
