"""Failed tasks in the admin: to be tried again, or put away."""

import json

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from kombu.exceptions import OperationalError

from monitoring.admin.bounded import RecordAdmin
from monitoring.errors import failed_tasks
from monitoring.models import FailedTask


@admin.register(FailedTask)
class FailedTaskAdmin(RecordAdmin):
    """Failed tasks, the last one first."""

    actions = ("retry", "discard")
    fields = (
        ("task", "queue", "task_id"),
        ("arguments", "named_arguments"),
        ("status", "decided_by", "decided_at", "retry_task_id"),
        ("attempts", "failures", "first_failed_at", "last_failed_at"),
        "correlation_id",
        "error",
        "full_traceback",
    )
    list_display = (
        *("task", "arguments", "status", "attempts", "failures", "last_failed_at", "summary"),
        "decided_by",
    )
    list_filter = ("status", "queue", "last_failed_at")
    list_select_related = ("decided_by",)
    ordering = ("-last_failed_at", "-id")
    search_fields = ("task", "error", "correlation_id", "task_id")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who decides."""
        return request.user.has_perm("monitoring.operate_failedtask")

    @admin.display(description="error")
    def summary(self, task: FailedTask) -> str:
        """The beginning of the error."""
        return task.error[:200]

    @admin.display(description="arguments")
    def arguments(self, task: FailedTask) -> str:
        """Those without a name."""
        return json.dumps(task.args, ensure_ascii=False)

    @admin.display(description="named arguments")
    def named_arguments(self, task: FailedTask) -> str:
        """Those with one."""
        return json.dumps(task.kwargs, ensure_ascii=False)

    @admin.display(description="traceback")
    def full_traceback(self, task: FailedTask) -> str:
        """In lines."""
        return format_html('<pre class="traceback">{}</pre>', task.traceback)

    @admin.action(description="Retry: send them again", permissions=["operate"])
    def retry(self, request: HttpRequest, tasks: QuerySet[FailedTask]) -> None:
        """Send the selected tasks again."""
        sent = 0
        for task in tasks:
            try:
                is_new = failed_tasks.retry(task, _person(request)).is_new
            except (failed_tasks.NotRetryable, OperationalError) as error:
                messages.error(request, f"{task.task} can't be sent: {error}")
                continue
            if is_new:
                self.log_change(request, task, f"Retried as {task.retry_task_id}.")
                sent += 1
        messages.success(request, f"{sent} tasks were sent again.")

    @admin.action(description="Discard: put them away", permissions=["operate"])
    def discard(self, request: HttpRequest, tasks: QuerySet[FailedTask]) -> None:
        """Put the selected tasks away."""
        put_away = [task for task in tasks if failed_tasks.discard(task, _person(request)).is_new]
        for task in put_away:
            self.log_change(request, task, "Discarded.")
        messages.success(request, f"{len(put_away)} tasks were discarded.")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the permission lets nobody else in
    return request.user
