"""Who controls: now, at a past time, and before."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from msgspec import Struct
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collector import geojson
from collector.api import delivery
from collector.api.delivery import CompressedMixin
from collector.api.filters import POSITION_PARAMETERS, Condition, position_conditions
from collector.api.live import LiveListView, LiveView, asked_time
from collector.api.members import sees_members
from collector.api.renderers import PLAIN, ROWS
from collector.api.schema import AT, FRESHNESS_HEADERS, LIVE_HEADERS, row_formats, schema_of
from collector.api.serializers import SessionSerializer
from collector.live import LivePosition, Named
from collector.models import ControllerSession
from collector.services import current, past
from collector.services.references import station_names
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead


class PositionsView(LiveListView):
    """Active ATC positions."""

    name = "Active ATC positions"
    tag = "Air traffic control"
    list_name = "positions"
    read_past = past.positions
    parameters = ("at", *(p.name for p in POSITION_PARAMETERS))
    csv_columns = (
        "id", "cid", "name", "callsign", "facility.id", "facility.short", "frequency", "rating.id",
        "rating.short", "server", "visual_range", "text_atis", "atis_code", "logon_time",
        "last_updated", "position.lat", "position.lon",
    )  # fmt: skip

    @extend_schema(
        operation_id="atc_positions",
        parameters=[AT, *POSITION_PARAMETERS, *LIVE_HEADERS],
        responses=row_formats(schema_of(list[LivePosition])),
    )
    def get(self, request: Request) -> Any:
        """Every active position; `position` comes from its transceivers."""
        return super().get(request)

    def conditions(self, request: Request) -> list[Condition]:
        """What the parameters ask of a position."""
        return position_conditions(request)

    def geometry(self, row: LivePosition) -> dict[str, Any] | None:
        """Where its antennas are."""
        return geojson.point(row.position.lat, row.position.lon) if row.position else None


class OnePersonsPositions(Struct):
    """A controller with the positions that it holds."""

    cid: int
    name: str | None
    rating: Named
    positions: list[LivePosition]


class ByControllerView(LiveView):
    """Active ATC positions, grouped by controller."""

    name = "Active controllers"
    tag = "Air traffic control"
    list_name = "positions"
    read_past = past.positions
    renderer_classes = PLAIN

    @extend_schema(
        operation_id="atc_positions_by_controller",
        parameters=[AT, *FRESHNESS_HEADERS],
        responses={
            200: {
                "type": "object",
                "additionalProperties": schema_of(OnePersonsPositions),
                "description": "Under each cid",
            }
        },
    )
    def get(self, request: Request) -> Response:
        """The active positions of each controller, under its cid."""
        if at := asked_time(request):
            rows, age = self.rows_at(request, at)
        else:
            rows, age = self.live(request).rows(), current.age()
        people: dict[str, OnePersonsPositions] = {}
        for row in rows:
            one = OnePersonsPositions(row.cid, row.name, row.rating, [])
            people.setdefault(str(row.cid), one).positions.append(row)
        return Response(people, headers=delivery.freshness_headers(age))


class SessionsView(CompressedMixin, StrictParametersMixin, generics.ListAPIView[ControllerSession]):
    """The sessions on a position, the newest first; one that goes on has no `ended_at`."""

    name = "Sessions on a position"
    tag = "Air traffic control"
    permission_classes = (PublicRead,)
    renderer_classes = ROWS
    serializer_class = SessionSerializer
    queryset = ControllerSession.objects.all()
    ordering = "-first_seen_at"

    @extend_schema(operation_id="atc_position_sessions")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Past and present sessions under a callsign."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[ControllerSession]":
        """Those under the callsign in the path; 404 where there never was one."""
        callsign: str = self.kwargs["callsign"]
        sessions = ControllerSession.objects.filter(callsign__in={callsign, callsign.upper()})
        if not sessions.exists():
            raise NotFound("Nobody was ever seen on this position.")
        return sessions

    def get_serializer_context(self) -> dict[str, Any]:
        """What the rows need besides."""
        facilities, ratings = station_names()
        return {
            **super().get_serializer_context(),
            "sees_members": sees_members(self.request),
            "facilities": facilities,
            "ratings": ratings,
        }
