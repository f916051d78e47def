"""Tasks that kill their workers, storms of errors, secrets in them, and PostgreSQL away."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Install, Note
from tests.faults.installation import Installation
from tests.faults.scale import FULL

STORM_S = 60 if FULL else 8
EACH_SECOND = 5000
SAMPLES = 20


@pytest.fixture
def site(install: Install) -> Installation:
    """A worker that has tasks which do harm."""
    site = install(
        DJANGO_SETTINGS_MODULE="tests.faults.settings_with_harm",
        FLOWER_BASIC_AUTH="flower:password-of-flower",
        ADMIN_PASSWORD="password-of-admin",
    )
    site.start("general")
    return site


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def send(site: Installation, task: str, *args: object, **kwargs: object) -> None:
    site.wake(f"tests.faults.harm.{task}", "general", *args, **kwargs)


def errors(site: Installation, condition: str = "true") -> int:
    sql = f"SELECT coalesce(sum(count), 0) FROM monitoring_errorgroup WHERE {condition}"  # noqa: S608
    return int(site.query(sql)[0][0])


def recoveries(site: Installation, strategy: str) -> tuple[int, int]:
    """Attempts and successes."""
    sql = (
        "SELECT coalesce(sum(attempts), 0), coalesce(sum(successes), 0)"
        " FROM monitoring_recoverycount WHERE strategy = %s"
    )
    attempts, successes = site.query(sql, strategy)[0]
    return int(attempts), int(successes)


def test_a_task_that_kills_its_worker_is_started_three_times_and_then_kept(
    site: Installation, note: Note
) -> None:
    starts, done = site.folder / "starts", site.folder / "done"
    send(site, "kill_worker", str(starts), 99)
    for number in range(50):
        send(site, "work", str(done), str(number))
    seconds = site.seconds_until(
        lambda: site.query("SELECT FROM monitoring_failedtask"), 60, "the task is kept"
    )
    note(f"a task that kills its worker was given up after {seconds:.1f} s")
    site.wait_for(lambda: len(lines(done)) >= 50, 30, "the other tasks are done")
    assert sorted(lines(done), key=int) == [str(number) for number in range(50)]
    assert len(lines(starts)) == 3
    (row,) = site.query(
        "SELECT task, args, attempts, queue, status, error FROM monitoring_failedtask"
    )
    assert row[:5] == ("tests.faults.harm.kill_worker", [str(starts), 99], 3, "general", "failed")
    assert "died 3 times" in row[5]
    died = "exception_type = 'monitoring.errors.starts.WorkerDied'"
    site.wait_for(lambda: errors(site, died) == 1, 10, "it is reported")
    site.wait_for(lambda: recoveries(site, "restart") == (2, 0), 10, "both restarts are counted")


def test_a_task_whose_worker_died_once_is_done_and_counted_as_a_restart(site: Installation) -> None:
    starts = site.folder / "starts"
    send(site, "kill_worker", str(starts), 1)
    site.wait_for(lambda: recoveries(site, "restart") == (1, 1), 60, "the restart is counted")
    assert len(lines(starts)) == 2
    assert site.query("SELECT FROM monitoring_failedtask") == []


def test_retries_are_counted_and_a_task_retried_by_hand_that_fails_again_is_a_new_row(
    site: Installation,
) -> None:
    starts = site.folder / "starts"
    send(site, "fail_at_first", str(starts), 2)
    site.wait_for(lambda: recoveries(site, "retry") == (2, 1), 60, "both retries are counted")
    site.wait_for(
        lambda: errors(site, "exception_type = 'ConnectionError'") == 2, 10, "both are reported"
    )
    ids = site.query("SELECT DISTINCT correlation_id FROM monitoring_erroroccurrence")
    assert len(ids) == 1
    assert ids[0][0]
    send(site, "fail_at_first", str(starts), 99)
    rows = "SELECT status, attempts FROM monitoring_failedtask ORDER BY id"
    site.wait_for(lambda: site.query(rows) == [("failed", 4)], 60, "it has used up its retries")
    retry = (
        "from django.contrib.auth.models import User;"
        "from monitoring.errors.failed_tasks import retry;"
        "from monitoring.models import FailedTask;"
        "[retry(FailedTask.objects.first(), User.objects.get()) for _ in range(3)]"
    )
    site.run_python(retry)
    again = [("retried", 4), ("failed", 4)]
    site.wait_for(lambda: site.query(rows) == again, 60, "it has failed again")
    assert len(lines(starts)) == 3 + 4 + 4


def test_what_a_task_sends_has_its_correlation_id(site: Installation) -> None:
    file = site.folder / "ids"
    send(site, "pass_on", str(file))
    failed = "SELECT correlation_id FROM monitoring_failedtask"
    site.wait_for(lambda: site.query(failed), 60, "the task that was sent has failed")
    assert [(line,) for line in lines(file)] == site.query(failed)


def test_a_storm_of_errors_keeps_few_and_counts_all_at_little_cost(
    site: Installation, note: Note
) -> None:
    result = site.folder / "result"
    site.start("collecting")
    send(site, "storm", str(result), EACH_SECOND, STORM_S)
    feeds = 0
    while not lines(result):
        site.collect()
        feeds += 1
    cpu = json.loads(lines(result)[0])
    share = cpu["loud"] - cpu["silent"]
    note(f"counting {EACH_SECOND} errors a second took {share:.1%} of a processor; {feeds} feeds")
    site.wait_for(lambda: errors(site) >= EACH_SECOND * STORM_S, 10, "all are counted")
    assert errors(site) == EACH_SECOND * STORM_S
    assert site.query("SELECT count(DISTINCT hour) FROM monitoring_errorcount")[0][0] <= 2
    kept = site.query("SELECT samples FROM monitoring_errorcount")
    assert all(samples <= SAMPLES for (samples,) in kept)
    (occurrences,) = site.query("SELECT count(*) FROM monitoring_erroroccurrence")[0]
    assert SAMPLES <= occurrences <= SAMPLES * len(kept)
    assert len(site.stored()) == feeds
    assert share < 0.15


def test_secrets_and_members_are_nowhere_to_be_seen(site: Installation) -> None:
    site.start("web")
    words = [
        "postgresql://me:url-password@db/x",
        "Authorization: Bearer bearer-token-1234",
        "vdc_ApiTokenOfSomebody123",
        "password='quoted password'",
        "name='Jane Doe' cid=1234567",
        "password-of-flower",
        "password-of-admin",
    ]
    send(site, "leak", words, api_key="key-in-kwargs", nested={"session": ["session-in-kwargs"]})
    site.wait_for(lambda: site.query("SELECT FROM monitoring_failedtask"), 60, "it is kept")
    site.wait_for(lambda: errors(site) == 1, 10, "it is reported")
    secrets = [
        *(site.environment[name] for name in ("SECRET_KEY", "PSEUDONYM_KEY")),
        *("url-password", "bearer-token-1234", "ApiTokenOfSomebody123", "quoted password"),
        *("Jane Doe", "1234567", "key-in-kwargs", "session-in-kwargs"),
        *("password-of-flower", "password-of-admin"),
    ]
    seen = {
        "tables": _tables(site),
        "logs": "".join(process.said for process in site.processes.values()),
        "answers": _answers(site),
    }
    assert all("ValueError" in text for text in seen.values())
    found = [(where, word) for where, text in seen.items() for word in secrets if word in text]
    assert found == []


def _tables(site: Installation) -> str:
    names = site.query(
        "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'monitoring_%%'"
    )
    return "".join(
        str(site.query(f"SELECT row_to_json(t)::text FROM {name} t"))  # noqa: S608
        for (name,) in names
    )


def _answers(site: Installation) -> str:
    token = site.run_python(
        "from monitoring.models import ApiToken; from django.contrib.auth.models import User;"
        "token = ApiToken(name='test', user=User.objects.get());"
        "secret = token.renew_secret(); token.save(); print(secret)"
    )
    headers = {"Authorization": f"Bearer {token}"}
    group = site.get("/api/errors", **headers).json()["results"][0]["id"]
    paths = ("errors", f"errors/{group}", "errors/analytics", "tasks/failed", "events")
    answers = [site.get(f"/api/{path}", **headers) for path in paths]
    assert [answer.status for answer in answers] == [200] * len(paths)
    return "".join(answer.data.decode() for answer in answers)


def test_errors_while_postgres_is_away_are_imported_once(site: Installation, note: Note) -> None:
    spool = site.folder / "var" / "errors"

    def spooled() -> list[str]:
        return [line for path in spool.glob("*.jsonl") for line in path.read_text().splitlines()]

    def fails(numbers: range) -> None:
        for number in numbers:
            send(site, "fail", f"number {number}")

    fails(range(5))
    site.wait_for(lambda: errors(site) == 5, 60, "errors are stored")
    site.postgres.stop()
    fails(range(5, 15))
    _wait_until(site, lambda: sum('"failed_task"' in line for line in spooled()) == 10)
    assert (spool.stat().st_mode & 0o777) == 0o700
    site.postgres.start()
    for _ in range(3):
        site.wake("monitoring.tasks.import_errors", "general")
    seconds = site.seconds_until(lambda: errors(site) == 15, 60, "all errors are imported")
    note(f"errors of an outage of PostgreSQL were imported after {seconds:.1f} s")
    site.wait_for(lambda: not spooled(), 30, "the spool is empty")
    for _ in range(3):
        site.wake("monitoring.tasks.import_errors", "general")
    site.pass_time(3)
    assert errors(site) == 15
    assert site.query("SELECT count(*), sum(failures) FROM monitoring_failedtask") == [(15, 15)]


def _wait_until(site: Installation, condition: Callable[[], bool]) -> None:
    site.wait_for(condition, 60, "errors are spooled")
