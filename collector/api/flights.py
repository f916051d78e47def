"""Flights: the live list, one flight, and those that ended."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from msgspec import Raw, Struct
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collector import geojson, snapshots
from collector.api import delivery
from collector.api.delivery import CompressedMixin
from collector.api.filters import FLIGHT_PARAMETERS, Condition, FlightFilter, flight_conditions
from collector.api.live import LiveListView
from collector.api.members import sees_members
from collector.api.renderers import PLAIN, ROWS
from collector.api.schema import AT, FRESHNESS_HEADERS, LIVE_HEADERS, row_formats, schema_of
from collector.api.serializers import FlightDetailSerializer, FlightSerializer
from collector.buffer import FeedBuffer, connect
from collector.freshness import FeedState
from collector.live import LiveFlight
from collector.models import Flight, FlightPlan, Prefile, Presence
from collector.plans import Plan
from collector.services import current, past
from collector.services.tracking import newest_place
from collector.snapshots import TIMEOUT_S
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead, Staff

_PLAN_COLUMNS = tuple(f"flight_plan.{name}" for name in Plan.__struct_fields__ if name != "extra")


class FlightsView(LiveListView):
    """Active flights."""

    name = "Active flights"
    tag = "Flights"
    list_name = "flights"
    read_past = past.flights
    parameters = ("at", *(p.name for p in FLIGHT_PARAMETERS))
    csv_columns = (
        *(name for name in LiveFlight.__struct_fields__ if name != "flight_plan"),
        *_PLAN_COLUMNS,
    )

    @extend_schema(
        operation_id="flights",
        parameters=[AT, *FLIGHT_PARAMETERS, *LIVE_HEADERS],
        responses=row_formats(schema_of(list[LiveFlight])),
    )
    def get(self, request: Request) -> Any:
        """Every flight in the newest feed, with the feed's own values."""
        return super().get(request)

    def conditions(self, request: Request) -> list[Condition]:
        """What the parameters ask of a flight."""
        return flight_conditions(request)

    def geometry(self, row: LiveFlight) -> dict[str, Any] | None:
        """Where it is."""
        return geojson.point(row.latitude, row.longitude)


class BufferState(Struct):
    """What waits to be stored. Times are those of feeds; age is that of the oldest one."""

    feeds: int
    bytes: int
    oldest_at: datetime | None
    newest_at: datetime | None
    age_seconds: float | None


class Memory(Struct):
    """The live list with what it rests on."""

    feed_at: datetime | None
    received_at: datetime | None
    feed_state: FeedState
    data_age_seconds: float | None
    buffer: BufferState
    hits: dict[str, int]
    flights: Raw


class MemoryView(CompressedMixin, StrictParametersMixin):
    """What Redis and this process hold."""

    name = "Flights in memory"
    tag = "Flights"
    permission_classes = (Staff,)
    renderer_classes = PLAIN

    @extend_schema(operation_id="flights_memory", responses={200: schema_of(Memory)})
    def get(self, request: Request) -> Response:
        """The flights of the newest feed, stored or not, and the buffer behind them."""
        head, age = snapshots.head(), current.age()
        rendering = snapshots.get("flights", "staff")
        return Response(
            Memory(
                feed_at=head.feed_at if head else None,
                received_at=head.received_at if head else None,
                feed_state=age.state,
                data_age_seconds=age.age_s,
                buffer=buffer_state(age.feed_at),
                hits=snapshots.hits(),
                flights=Raw(rendering.body if rendering else b"[]"),
            )
        )


def buffer_state(newest: datetime | None) -> BufferState:
    """How full the buffer is. Raises the errors of Redis."""
    depth = FeedBuffer(connect(settings.REDIS_BUFFER_URL, TIMEOUT_S)).depth()
    oldest = depth.oldest_at
    waits = (newest - oldest).total_seconds() if newest and oldest else None
    return BufferState(depth.feeds, depth.bytes, oldest, depth.newest_at, waits)


class FlightView(CompressedMixin, StrictParametersMixin, generics.GenericAPIView[Flight]):
    """One flight, with all that belongs to it."""

    name = "A flight"
    tag = "Flights"
    permission_classes = (PublicRead,)
    pagination_class = None
    renderer_classes = PLAIN
    serializer_class = FlightDetailSerializer
    queryset = Flight.objects.select_related("plan").prefetch_related(
        "continued_by",
        Prefetch("plans", FlightPlan.objects.order_by("feed_at")),
        Prefetch("presences", Presence.objects.order_by("since_at")),
        Prefetch("prefiles", Prefile.objects.order_by("first_seen_at")),
    )

    @extend_schema(
        operation_id="flight",
        parameters=FRESHNESS_HEADERS,
        responses={200: FlightDetailSerializer},
    )
    def get(self, request: Request, **path: Any) -> Response:
        """A flight with its newest position, plan revisions and presences."""
        flight = self.find()
        context = {"sees_members": sees_members(request)}
        flight.place = newest_place(flight)  # type: ignore[attr-defined] # for the serializer
        detail = self.serializer_class(flight, context=context).data
        return Response(detail, headers=delivery.freshness_headers(current.age()))

    def find(self) -> Flight:
        """The flight that the path names; 404 without."""
        return generics.get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])


class ByCallsignView(FlightView):
    """The latest flight of a callsign."""

    name = "The latest flight of a callsign"

    @extend_schema(operation_id="flight_by_callsign")
    def get(self, request: Request, **path: Any) -> Response:
        """The flight under a callsign that was first seen last."""
        return super().get(request, **path)

    def find(self) -> Flight:
        """The flight that the path names; 404 without."""
        callsign = self.kwargs["callsign"]
        flights = self.get_queryset().filter(callsign__in={callsign, callsign.upper()})
        flight = flights.order_by("-first_seen_at").first()
        if flight is None:
            raise NotFound("No flight of this callsign was ever seen.")
        return flight


class HistoryView(CompressedMixin, StrictParametersMixin, generics.ListAPIView[Flight]):
    """Ended flights."""

    name = "Ended flights"
    tag = "Flights"
    permission_classes = (PublicRead,)
    renderer_classes = ROWS
    serializer_class = FlightSerializer
    filterset_class = FlightFilter
    queryset = Flight.objects.ended()
    ordering = "-ended_at"
    ordering_fields = ("ended_at", "first_seen_at")

    @extend_schema(operation_id="flights_history")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Flights that have ended, the last one first, page by page."""
        return super().get(request, *args, **kwargs)

    def get_serializer_context(self) -> dict[str, Any]:
        """What the reader may know."""
        return {**super().get_serializer_context(), "sees_members": sees_members(self.request)}
