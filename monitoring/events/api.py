"""Events on the API: their history, publishing, replaying, dead letters and figures."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from django.contrib.auth.models import User
from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api import parameters
from monitoring.api.errors import Conflict
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import Administrator, Operator, Staff
from monitoring.api.schema import schema_of
from monitoring.events import analysis, dead_letters
from monitoring.events.filters import DeadLetterFilter, EventFilter
from monitoring.events.payloads import EventError
from monitoring.events.replaying import KeyReused, ReplayRefused, Selection, replay
from monitoring.events.serializers import (
    DeliverySerializer,
    EventSerializer,
    PublishSerializer,
    ReplayManySerializer,
    ReplayOneSerializer,
    ReplaySerializer,
    StrictSerializer,
)
from monitoring.events.signals import signal_of
from monitoring.models import Delivery, Event

T = TypeVar("T")

TAG = "Errors and events"
MOST_HOURS = 720
KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key again answers the same replay, and delivers nothing anew",
)
_KEY = re.compile(r"[\x21-\x7e]{1,100}")


class EventsView(StrictParametersMixin, generics.ListAPIView[Event]):
    """The history, and publishing."""

    name = "Events"
    tag = TAG
    serializer_class = EventSerializer
    filterset_class = EventFilter
    queryset = Event.objects.all()
    ordering = "-id"

    def get_permissions(self) -> list[BasePermission]:
        """Staff read; administrators publish."""
        return [Administrator() if self.request.method == "POST" else Staff()]

    @extend_schema(operation_id="events")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Events, the last one first, page by page; `recorded_at` is wall clock."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="event_publish",
        summary="Publish an event",
        request=PublishSerializer,
        responses={201: EventSerializer},
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Publish an event of a known type, whose payload is checked; handlers get it as any."""
        given = _body(PublishSerializer, request)
        signal = _known("type", lambda: signal_of(given.pop("type")))
        with transaction.atomic():
            event_id = _known("payload", lambda: signal.publish(given.pop("payload"), **given))
            event = Event.objects.get(pk=event_id)
        return Response(EventSerializer(event).data, status=status.HTTP_201_CREATED)


class ReplayView(StrictParametersMixin):
    """Delivering many events again."""

    name = "Replay events"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(
        operation_id="events_replay",
        parameters=[KEY],
        request=ReplayManySerializer,
        responses={200: ReplaySerializer, 201: ReplaySerializer},
    )
    def post(self, request: Request) -> Response:
        """Deliver a type or a range of events again, to all of their handlers or to one.

        At most 100,000 deliveries. Handlers can tell that it is a replay.
        """
        return _replay(request, _body(ReplayManySerializer, request))


class ReplayOneView(StrictParametersMixin):
    """Delivering one event again."""

    name = "Replay an event"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(
        operation_id="event_replay",
        parameters=[KEY],
        request=ReplayOneSerializer,
        responses={200: ReplaySerializer, 201: ReplaySerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Deliver an event again, to all of its handlers or to one."""
        given = _body(ReplayOneSerializer, request)
        if not (pk <= parameters.BIGINT_MOST and Event.objects.filter(pk=pk).exists()):
            raise NotFound(f"There is no event {pk}.")
        return _replay(request, given | {"id": pk})


class AnalyticsView(StrictParametersMixin):
    """How the bus does."""

    name = "Event analytics"
    tag = TAG
    permission_classes = (Staff,)
    parameters = ("hours",)

    @extend_schema(
        operation_id="events_analytics",
        parameters=[OpenApiParameter("hours", OpenApiTypes.INT, default=24)],
        responses={200: schema_of(analysis.Analytics)},
    )
    def get(self, request: Request) -> Response:
        """What was published and processed in the last hours, and how each handler does."""
        hours = parameters.integer(request.query_params, "hours", 24, least=1, most=MOST_HOURS)
        return Response(msgspec.to_builtins(analysis.analyse(hours)))


class DeadLettersView(StrictParametersMixin, generics.ListAPIView[Delivery]):
    """Deliveries that were given up."""

    name = "Dead letters"
    tag = TAG
    permission_classes = (Staff,)
    serializer_class = DeliverySerializer
    filterset_class = DeadLetterFilter
    queryset = dead_letters.dead_letters().select_related("event", "decided_by")
    ordering = "-id"

    @extend_schema(operation_id="dead_letters")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deliveries that failed five times and wait for a person, the last one first."""
        return super().get(request, *args, **kwargs)


class RetryView(StrictParametersMixin):
    """Trying a dead letter again."""

    name = "Retry a dead letter"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(
        operation_id="dead_letter_retry", request=None, responses={200: DeliverySerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Deliver it again, from its first attempt; one that isn't dead any more stays as it is."""
        return _decide(pk, request, dead_letters.retry)


class DiscardView(StrictParametersMixin):
    """Giving up a dead letter for good."""

    name = "Discard a dead letter"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(
        operation_id="dead_letter_discard", request=None, responses={200: DeliverySerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Never deliver it; one that isn't dead any more stays as it is."""
        return _decide(pk, request, dead_letters.discard)


def _body(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """The checked values of a body; none at all is an empty one."""
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _known(name: str, action: Callable[[], T]) -> T:
    """What `action` answers; a 400 about the value `name` where the bus refuses it."""
    try:
        return action()
    except EventError as error:
        raise ValidationError({name: [str(error)]}) from error


def _replay(request: Request, given: dict[str, Any]) -> Response:
    if "type" in given:
        _known("type", lambda: signal_of(given["type"]))
    try:
        selection = msgspec.convert(given, Selection)
        made, is_new = replay(selection, _person(request), _key(request))
    except KeyReused as error:
        raise Conflict(str(error)) from error
    except ReplayRefused as error:
        raise ValidationError({"request": [str(error)]}) from error
    code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return Response(ReplaySerializer(made).data, status=code)


def _decide(pk: int, request: Request, decide: Callable[[Delivery, User], bool]) -> Response:
    found = Delivery.objects.select_related("event", "decided_by")
    delivery = found.filter(pk=pk).first() if pk <= parameters.BIGINT_MOST else None
    if delivery is None:
        raise NotFound(f"There is no delivery {pk}.")
    if decide(delivery, _person(request)):
        delivery = found.get(pk=pk)
    return Response(DeliverySerializer(delivery).data)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the permission lets nobody else in
    return request.user


def _key(request: Request) -> str | None:
    key = request.headers.get(KEY.name)
    if key is not None and not _KEY.fullmatch(key):
        raise ValidationError(
            {KEY.name: ["Must have 1 to 100 printable ASCII characters and no spaces."]}
        )
    return key
