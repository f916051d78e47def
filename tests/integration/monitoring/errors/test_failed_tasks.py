"""Tasks that gave up wait for a person."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from kombu.exceptions import OperationalError

from monitoring.errors import failed_tasks
from monitoring.errors.failed_tasks import NotRetryable, discard, record_failure, retry
from monitoring.models import FailedTask
from tests.integration.monitoring.errors.records import AT, failed_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch) -> Mock:
    send = Mock()
    monkeypatch.setattr(failed_tasks.current_app, "send_task", send)
    return send


def test_the_same_failure_counts_on_the_row_that_waits() -> None:
    record_failure(failed_task(args=[1]))
    record_failure(failed_task(args=[1], task_id="id-2", at=AT + timedelta(hours=1)))
    record_failure(failed_task(args=[2]))
    first, second = FailedTask.objects.order_by("pk")
    assert (first.failures, first.task_id, second.failures) == (2, "id-2", 1)
    assert (first.first_failed_at, first.last_failed_at) == (AT, AT + timedelta(hours=1))


def test_a_retry_sends_the_task_once_after_the_commit(
    sent, make_user, django_capture_on_commit_callbacks
) -> None:
    task = record_failure(failed_task(args=[1, "x"]))
    person, other = make_user("person"), make_user("other")
    with django_capture_on_commit_callbacks(execute=True):
        assert retry(task, person).is_new
        assert not sent.called
    same = FailedTask.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        assert not retry(same, other).is_new
        assert not discard(same, other).is_new
    sent.assert_called_once_with(
        "collector.tasks.poll", [1, "x"], {}, task_id=same.retry_task_id, queue="general"
    )
    assert (same.status, same.decided_by) == ("retried", person)


def test_a_retry_that_fails_makes_a_new_row(
    sent, make_user, django_capture_on_commit_callbacks
) -> None:
    task = record_failure(failed_task())
    with django_capture_on_commit_callbacks(execute=True):
        retry(task, make_user("person"))
    record_failure(failed_task(task_id=task.retry_task_id))
    assert sorted(FailedTask.objects.values_list("status", flat=True)) == ["failed", "retried"]


def test_a_broker_that_is_away_leaves_the_task_waiting(
    sent, make_user, django_capture_on_commit_callbacks
) -> None:
    task = record_failure(failed_task())
    sent.side_effect = OperationalError
    with pytest.raises(OperationalError), django_capture_on_commit_callbacks(execute=True):
        retry(task, make_user("person"))
    row = FailedTask.objects.get()
    assert (row.status, row.decided_by, row.retry_task_id) == ("failed", None, "")


def test_what_was_not_kept_as_it_was_is_not_sent_again(sent, make_user) -> None:
    person = make_user("person")
    for args in ([{"password": "hunter2"}], ["x" * 5000], [list(range(500))]):
        task = record_failure(failed_task(args=args))
        assert "hunter2" not in str(task.args)
        with pytest.raises(NotRetryable):
            retry(task, person)
        assert discard(task, person).is_new
    with pytest.raises(NotRetryable, match="no task"):
        retry(record_failure(failed_task("gone.tasks.poll")), person)
    assert not sent.called


@pytest.mark.parametrize(("action", "status"), [("retry", "retried"), ("discard", "discarded")])
def test_operators_decide_on_the_api(sent, signed_in, action: str, status: str) -> None:
    task = record_failure(failed_task())
    address = f"/api/tasks/failed/{task.pk}/{action}"
    assert signed_in("viewer").post(address).status_code == 403
    client = signed_in("operator")
    first = client.post(address)
    assert first.status_code == 200
    assert (first.json()["status"], first.json()["decided_by"]) == (status, "operator")
    assert client.post(address).json() == first.json()
    other = {"retry": "discard", "discard": "retry"}[action]
    assert client.post(f"/api/tasks/failed/{task.pk}/{other}").status_code == 409
    (row,) = client.get("/api/tasks/failed?task=collector.tasks.poll").json()["results"]
    assert (row["status"], row["attempts"], row["error"]) == (status, 4, "ValueError: no")
    assert client.get("/api/tasks/failed?status=failed").json()["results"] == []


def test_a_broker_that_is_away_is_a_503_on_the_api(transactional_db, sent, signed_in) -> None:
    task = record_failure(failed_task())
    sent.side_effect = OperationalError
    answer = signed_in("operator").post(f"/api/tasks/failed/{task.pk}/retry")
    assert answer.status_code == 503
    assert FailedTask.objects.get().status == "failed"


def test_a_task_that_can_not_be_sent_is_a_conflict_on_the_api(signed_in) -> None:
    task = record_failure(failed_task("gone.tasks.poll"))
    answer = signed_in("operator").post(f"/api/tasks/failed/{task.pk}/retry")
    assert answer.status_code == 409
    assert "no task gone.tasks.poll" in answer.json()["error"]["message"]
