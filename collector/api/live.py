"""The live lists: bytes for who wants the whole list, rows for who filters or asks for the past.

Anonymous readers of whole lists seldom come here: `middleware.py` answers them before.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse, HttpResponseNotModified
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collector import geojson
from collector.api import delivery
from collector.api.delivery import CompressedMixin
from collector.api.filters import Condition, chosen
from collector.api.members import audience_of, sees_members
from collector.api.renderers import PLACES
from collector.freshness import Freshness
from collector.live import hide_members
from collector.privacy import pseudonym
from collector.services import current, past
from collector.snapshots import ListName, Rendering
from monitoring.api import parameters
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead


class LiveView(CompressedMixin, StrictParametersMixin):
    """A public view of a live list, now or at a past time."""

    permission_classes = (PublicRead,)
    parameters: tuple[str, ...] = ("at",)
    list_name: ClassVar[ListName]
    read_past: ClassVar[Callable[[datetime], list[Any]]]

    def live(self, request: Request) -> Rendering:
        """The list as this reader may see it."""
        rendering = current.rendering(self.list_name, audience_of(request))
        return rendering or Rendering(self.list_name, b"[]")  # before the first feed

    def rows_at(self, request: Request, at: datetime) -> tuple[list[Any], Freshness]:
        """The rows at a past time as this reader may see them, and how old they were then."""
        feed_at, age = moment(at)
        rows = type(self).read_past(feed_at)
        if not sees_members(request):
            hide_members(rows, pseudonym)
        return rows, age


def asked_time(request: Request) -> datetime | None:
    """The `at` of a request."""
    return parameters.instant(request.query_params, "at", None)


def moment(at: datetime) -> tuple[datetime, Freshness]:
    """The feed that held at a time, and how old it was; 404 outside the history."""
    try:
        feed_at = past.feed_of(at)
    except past.OutsideHistory as error:
        raise NotFound(str(error)) from None
    return feed_at, past.age_at(feed_at, at)


class LiveListView(LiveView):
    """A live list as a plain list, in every format."""

    renderer_classes = PLACES
    csv_columns: tuple[str, ...]

    def conditions(self, request: Request) -> list[Condition]:
        """What the parameters ask of a row."""
        raise NotImplementedError

    def geometry(self, row: Any) -> dict[str, Any] | None:
        """Where a row is."""
        raise NotImplementedError

    def get(self, request: Request) -> HttpResponse:
        """The whole list or what is asked of it."""
        conditions = self.conditions(request)
        format_ = request.accepted_renderer.format
        if at := asked_time(request):
            rows, age = self.rows_at(request, at)
            headers = delivery.freshness_headers(age)
            return Response(self.shaped(chosen(rows, conditions), format_), headers=headers)
        rendering, headers = self.live(request), delivery.freshness_headers(current.age())
        if format_ == "json" and not conditions:
            return delivery.answer(request, rendering, headers)
        headers |= {"ETag": delivery.etag_of(rendering, format_), "Cache-Control": "no-cache"}
        if delivery.is_known(headers["ETag"], request):
            return HttpResponseNotModified(headers=headers)
        if format_ == "api" and not conditions:
            return Response(msgspec.Raw(rendering.body), headers=headers)
        return Response(self.shaped(chosen(rendering.rows(), conditions), format_), headers=headers)

    def shaped(self, rows: list[Any], format_: str) -> Any:
        """Rows as a format's renderer wants them."""
        if format_ == "geojson":
            return geojson.collection(rows, self.geometry)
        if format_ == "csv":
            return msgspec.json.decode(msgspec.json.encode(rows))
        return rows
