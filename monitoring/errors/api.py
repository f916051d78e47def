"""Errors and failed tasks on the API: what there is, what it says, and what people decide."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from kombu.exceptions import OperationalError
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api import parameters
from monitoring.api.errors import Conflict, Unavailable
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import Operator, Staff
from monitoring.api.schema import schema_of
from monitoring.errors import analytics, failed_tasks
from monitoring.errors.filters import ErrorFilter, FailedTaskFilter
from monitoring.errors.serializers import (
    FailedTaskSerializer,
    GroupDetailSerializer,
    GroupSerializer,
)
from monitoring.models import ErrorGroup, FailedTask

TAG = "Errors and events"
MOST_HOURS = 720
HOURS = OpenApiParameter(
    "hours", OpenApiTypes.INT, default=24, description=f"Whole ones, from 1 to {MOST_HOURS}"
)


class HoursView(StrictParametersMixin):
    """Figures of the last hours."""

    tag = TAG
    permission_classes = (Staff,)
    parameters = ("hours",)

    def hours(self, request: Request) -> int:
        """How many hours are asked for."""
        return parameters.integer(request.query_params, "hours", 24, least=1, most=MOST_HOURS)


class AnalyticsView(HoursView):
    """How many errors, of what kind."""

    name = "Error analytics"

    @extend_schema(
        operation_id="errors_analytics",
        parameters=[HOURS],
        responses={200: schema_of(analytics.Analytics)},
    )
    def get(self, request: Request) -> Response:
        """How many errors there were by category, severity and service, and the most common."""
        return Response(analytics.analyse(self.hours(request)))


class TrendsView(HoursView):
    """How errors come and go."""

    name = "Error trends"

    @extend_schema(
        operation_id="errors_trends",
        parameters=[HOURS],
        responses={200: schema_of(analytics.Trends)},
    )
    def get(self, request: Request) -> Response:
        """Errors by hour and category, and what is rising.

        `rising` compares the last complete hour and the one that has begun with the mean of the
        same hour of up to seven days before.
        """
        return Response(analytics.trends(self.hours(request)))


class RecoveryView(HoursView):
    """How the system recovered."""

    name = "Recovery from errors"

    @extend_schema(
        operation_id="errors_recovery",
        parameters=[HOURS],
        responses={200: schema_of(analytics.Recoveries)},
    )
    def get(self, request: Request) -> Response:
        """What each strategy tried and achieved in each service, and how long that took."""
        return Response(analytics.recoveries(self.hours(request)))


class ErrorsView(StrictParametersMixin, generics.ListAPIView[ErrorGroup]):
    """The groups."""

    name = "Errors"
    tag = TAG
    permission_classes = (Staff,)
    serializer_class = GroupSerializer
    filterset_class = ErrorFilter
    queryset = ErrorGroup.objects.select_related("decided_by")
    ordering = "-last_seen_at"

    @extend_schema(operation_id="errors")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Groups of errors, each of one kind at one place, the last seen first."""
        return super().get(request, *args, **kwargs)


class ErrorView(StrictParametersMixin):
    """One group."""

    name = "An error"
    tag = TAG
    permission_classes = (Staff,)

    @extend_schema(operation_id="error", responses={200: GroupDetailSerializer})
    def get(self, request: Request, pk: int) -> Response:
        """A group with its counts of the last week and the newest errors kept whole."""
        return Response(GroupDetailSerializer(_group(pk)).data)


class DecisionView(StrictParametersMixin):
    """What a person decides about a group; deciding so again changes nothing."""

    tag = TAG
    permission_classes = (Operator,)
    decision: ErrorGroup.Status

    def decide(self, request: Request, pk: int) -> Response:
        """Decide, and answer how the group is."""
        group = _group(pk)
        group.decide(self.decision, _person(request))
        return Response(GroupSerializer(group).data)


class ResolveView(DecisionView):
    """It is mended."""

    name = "Resolve an error"
    decision = ErrorGroup.Status.RESOLVED

    @extend_schema(operation_id="error_resolve", request=None, responses={200: GroupSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Say that it is mended: another error of the kind opens the group again."""
        return self.decide(request, pk)


class IgnoreView(DecisionView):
    """It doesn't matter."""

    name = "Ignore an error"
    decision = ErrorGroup.Status.IGNORED

    @extend_schema(operation_id="error_ignore", request=None, responses={200: GroupSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Say that it does not matter: it goes on counting, and never rises."""
        return self.decide(request, pk)


class ReopenView(DecisionView):
    """It does matter."""

    name = "Reopen an error"
    decision = ErrorGroup.Status.OPEN

    @extend_schema(operation_id="error_reopen", request=None, responses={200: GroupSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Take back that it was resolved or ignored."""
        return self.decide(request, pk)


class FailedTasksView(StrictParametersMixin, generics.ListAPIView[FailedTask]):
    """The tasks."""

    name = "Failed tasks"
    tag = TAG
    permission_classes = (Staff,)
    serializer_class = FailedTaskSerializer
    filterset_class = FailedTaskFilter
    queryset = FailedTask.objects.select_related("decided_by")
    ordering = "-last_failed_at"

    @extend_schema(operation_id="failed_tasks")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tasks that used up their retries, or whose worker died of them, the last one first."""
        return super().get(request, *args, **kwargs)


class RetryView(StrictParametersMixin):
    """Once more."""

    name = "Retry a failed task"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(
        operation_id="failed_task_retry", request=None, responses={200: FailedTaskSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send the task again, as it was; asking twice sends it once.

        409 where it was discarded, or can't be sent as it was.
        """
        return _decide(request, pk, failed_tasks.retry, FailedTask.Status.RETRIED)


class DiscardView(StrictParametersMixin):
    """Away with it."""

    name = "Discard a failed task"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(
        operation_id="failed_task_discard", request=None, responses={200: FailedTaskSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Put the task away without sending it again; 409 where it was retried."""
        return _decide(request, pk, failed_tasks.discard, FailedTask.Status.DISCARDED)


def _decide(
    request: Request,
    pk: int,
    decide: Callable[[FailedTask, User], failed_tasks.Decision],
    wanted: FailedTask.Status,
) -> Response:
    found = FailedTask.objects.select_related("decided_by")
    task = found.filter(pk=pk).first() if pk <= parameters.BIGINT_MOST else None
    if task is None:
        raise NotFound(f"There is no failed task {pk}.")
    try:
        decide(task, _person(request))
    except failed_tasks.NotRetryable as error:
        raise Conflict(str(error)) from error
    except OperationalError as error:  # the broker is away
        raise Unavailable from error
    if task.status != wanted:
        raise Conflict(f"The task was {task.status} before.")
    return Response(FailedTaskSerializer(task).data)


def _group(pk: int) -> ErrorGroup:
    found = ErrorGroup.objects.select_related("decided_by")
    group = found.filter(pk=pk).first() if pk <= parameters.BIGINT_MOST else None
    if group is None:
        raise NotFound(f"There is no error {pk}.")
    return group


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the permission lets nobody else in
    return request.user
