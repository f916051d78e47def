"""Errors and failed tasks in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from monitoring.errors import failed_tasks
from monitoring.errors.failed_tasks import record_failure
from monitoring.errors.storing import store
from monitoring.models import ErrorGroup, FailedTask
from tests.integration.monitoring.errors.records import count, error, failed_task

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def signed(client, make_user):
    def sign(group: str):
        client.force_login(make_user(group, group, is_staff=True))
        return client

    return sign


def page(model: type, name: str, *args: object) -> str:
    return reverse(f"admin:monitoring_{model._meta.model_name}_{name}", args=args)


def act(client, model: type, action: str, pk: int):
    data = {"action": action, "_selected_action": [pk]}
    return client.post(page(model, "changelist"), data, follow=True)


def test_a_group_shows_its_hours_samples_and_tracebacks_escaped(signed) -> None:
    store([error(message=SCRIPT, traceback=SCRIPT, context={"a": SCRIPT}), count(4)])
    client = signed("viewer")
    text = client.get(page(ErrorGroup, "changelist") + "?q=no+answer&status__exact=open")
    assert "collector.tasks.poll" in text.content.decode()
    text = client.get(page(ErrorGroup, "change", ErrorGroup.objects.get().pk)).content.decode()
    assert "2026-11-22 10:20:00" in text
    assert SCRIPT not in text
    assert text.count("&lt;script&gt;") == 3


@pytest.mark.parametrize(
    ("action", "status"), [("resolve", "resolved"), ("ignore", "ignored"), ("reopen", "open")]
)
def test_operators_decide_about_groups_and_the_log_says_so(signed, action, status) -> None:
    store([error()])
    group = ErrorGroup.objects.get()
    ErrorGroup.objects.update(status="ignored" if status != "ignored" else "open")
    client = signed("operator")
    for _ in range(2):
        assert act(client, ErrorGroup, action, group.pk).status_code == 200
    group.refresh_from_db()
    assert (group.status, group.decided_by.username) == (status, "operator")
    assert LogEntry.objects.get().change_message == f"Set to {status}."


def test_viewers_decide_nothing(signed) -> None:
    store([error()])
    record_failure(failed_task())
    client = signed("viewer")
    act(client, ErrorGroup, "resolve", ErrorGroup.objects.get().pk)
    act(client, FailedTask, "discard", FailedTask.objects.get().pk)
    assert ErrorGroup.objects.get().status == "open"
    assert FailedTask.objects.get().status == "failed"
    for model in (ErrorGroup, FailedTask):
        for name, args in (("add", ()), ("delete", (model.objects.get().pk,))):
            assert client.get(page(model, name, *args)).status_code == 403
        assert client.post(page(model, "change", model.objects.get().pk), {}).status_code == 403


def test_operators_retry_and_discard_tasks_and_the_log_says_so(
    signed, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        failed_tasks.current_app, "send_task", lambda name, *_, **__: sent.append(name)
    )
    client = signed("operator")
    again = record_failure(failed_task("monitoring.tasks.prune_errors"))
    gone = record_failure(failed_task("gone.tasks.x", error=SCRIPT))
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            act(client, FailedTask, "retry", again.pk)
    assert sent == ["monitoring.tasks.prune_errors"]
    answer = act(client, FailedTask, "retry", gone.pk).content.decode()
    assert "no task gone.tasks.x" in answer
    assert SCRIPT not in answer
    act(client, FailedTask, "discard", gone.pk)
    assert sorted(FailedTask.objects.values_list("status", flat=True)) == ["discarded", "retried"]
    assert LogEntry.objects.count() == 2
    text = client.get(page(FailedTask, "change", again.pk)).content.decode()
    assert "Traceback ..." in text
