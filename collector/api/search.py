"""One box that finds flights and controllers."""

from datetime import datetime
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from msgspec import Struct
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from collector.api.delivery import CompressedMixin
from collector.api.members import audience_of, sees_members
from collector.api.renderers import PLAIN
from collector.api.schema import query, schema_of
from collector.models import ControllerSession, Flight
from collector.privacy import pseudonym
from monitoring.api import parameters
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead

MOST = 20  # of each kind
LEAST_CHARACTERS = 2


class FoundFlight(Struct):
    """A flight."""

    id: int
    cid: int
    callsign: str
    departure: str
    arrival: str
    status: str
    first_seen_at: datetime
    ended_at: datetime | None


class FoundController(Struct):
    """A session of a controller, observer or supervisor."""

    id: int
    cid: int
    callsign: str
    frequency: str
    status: str
    first_seen_at: datetime
    ended_at: datetime | None


class Found(Struct):
    """What was found, the latest first, at most 20 of each kind."""

    query: str
    flights: list[FoundFlight]
    controllers: list[FoundController]


class SearchView(CompressedMixin, StrictParametersMixin):
    """Search."""

    name = "Search"
    tag = "Flights"
    permission_classes = (PublicRead,)
    renderer_classes = PLAIN
    parameters = ("q",)

    @extend_schema(
        operation_id="search",
        parameters=[
            query(
                "q", description="The beginning of a callsign; for staff a CID too", required=True
            )
        ],
        responses={200: schema_of(Found)},
    )
    def get(self, request: Request) -> Response:
        """Flights and controllers, present and past, whose callsign begins with the text."""
        text = (parameters.text(request.query_params, "q", None, longest=20) or "").strip()
        if len(text) < LEAST_CHARACTERS:
            raise ValidationError({"q": [f"Must have at least {LEAST_CHARACTERS} characters."]})
        condition = _condition(text, by_cid=audience_of(request) == "staff")
        found = Found(
            text,
            _found(Flight.objects.filter(condition), FoundFlight, request),
            _found(
                ControllerSession.objects.controllers().filter(condition), FoundController, request
            ),
        )
        return Response(found)


def _condition(text: str, *, by_cid: bool) -> Q:
    # An index serves both beginnings, which ILIKE's would not be.
    condition = Q(callsign__startswith=text) | Q(callsign__startswith=text.upper())
    if by_cid and text.isascii() and text.isdigit():
        condition |= Q(cid=int(text))
    return condition


def _found(rows: Any, kind: Any, request: Request) -> list[Any]:
    with_members = sees_members(request)
    found = []
    for row in rows.order_by("-first_seen_at")[:MOST]:
        values = {name: getattr(row, name) for name in kind.__struct_fields__}
        if not with_members:
            values["cid"] = pseudonym(row.cid)
        found.append(kind(**values))
    return found
