"""Errors in the admin: their groups, how many there were when, and what is kept of them."""

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from monitoring.admin.bounded import RecordAdmin
from monitoring.errors.analytics import counts_of
from monitoring.models import ErrorGroup, ErrorOccurrence

SHOWN_HOURS = 168  # of counts
SHOWN_SAMPLES = 20


@admin.register(ErrorGroup)
class ErrorGroupAdmin(RecordAdmin):
    """Groups of errors, the last seen first."""

    actions = ("resolve", "ignore", "reopen")
    change_form_template = "admin/monitoring/errorgroup/change_form.html"
    fields = (
        ("exception_type", "message"),
        ("severity", "category"),
        ("service", "operation"),
        ("first_seen_at", "last_seen_at", "count"),
        ("status", "decided_by", "decided_at", "reopened"),
        "fingerprint",
    )
    list_display = (
        *("exception_type", "message", "status", "count", "last_seen_at"),
        *("severity", "category", "service", "operation"),
    )
    list_filter = ("status", "severity", "category", "service", "last_seen_at")
    ordering = ("-last_seen_at", "-id")
    search_fields = ("exception_type", "message", "operation", "occurrences__correlation_id")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who decides."""
        return request.user.has_perm("monitoring.operate_errorgroup")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The group, with its counts and samples."""
        group: ErrorGroup = context["original"]
        context["counts"] = counts_of(group, SHOWN_HOURS)
        context["most"] = max(context["counts"].values(), default=1)
        newest = group.occurrences.order_by("-at", "-id")[:SHOWN_SAMPLES]
        context["samples"] = [(sample, _facts(sample)) for sample in newest]
        return super().render_change_form(request, context, *args, **options)

    @admin.action(description="Resolve: another one opens it again", permissions=["operate"])
    def resolve(self, request: HttpRequest, groups: QuerySet[ErrorGroup]) -> None:
        """Say that they are mended."""
        self._decide(request, groups, ErrorGroup.Status.RESOLVED)

    @admin.action(description="Ignore: count on, and say nothing", permissions=["operate"])
    def ignore(self, request: HttpRequest, groups: QuerySet[ErrorGroup]) -> None:
        """Say that they don't matter."""
        self._decide(request, groups, ErrorGroup.Status.IGNORED)

    @admin.action(description="Reopen", permissions=["operate"])
    def reopen(self, request: HttpRequest, groups: QuerySet[ErrorGroup]) -> None:
        """Take a decision back."""
        self._decide(request, groups, ErrorGroup.Status.OPEN)

    def _decide(
        self, request: HttpRequest, groups: QuerySet[ErrorGroup], status: ErrorGroup.Status
    ) -> None:
        by: User = request.user  # type: ignore[assignment] # the permission lets nobody else in
        changed = [group for group in groups if group.decide(status, by)]
        for group in changed:
            self.log_change(request, group, f"Set to {status.label.lower()}.")
        messages.success(request, f"{len(changed)} groups are {status.label.lower()} now.")


def _facts(sample: ErrorOccurrence) -> str:
    return json.dumps(sample.context, indent=2, ensure_ascii=False)
