"""Describes in the schema what isn't made by serializers."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from collector import geojson
from collector.live import LiveFlight
from collector.plans import Plan
from collector.views import notice_of_source
from monitoring.api import schema
from monitoring.api.formats import CSVRenderer, NDJSONRenderer

Schema = dict[str, Any]


def schema_of(kind: Any) -> Schema:
    """The JSON schema of a type that msgspec encodes, with what its raw flight plans hold."""
    return _with_plans(schema.schema_of(kind))


def _with_plans(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_plans(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _with_plans(value) for key, value in node.items()}
    if plain.get("title") == LiveFlight.__name__:
        plain["properties"]["flight_plan"] = schema.schema_of(Plan | None)
    return plain


GEOJSON: Schema = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["Feature", "FeatureCollection"]}},
}


def row_formats(rows: Schema, *, with_geojson: bool = True) -> dict[tuple[int, str], Any]:
    """The answers of a view that gives rows in every format."""
    formats = {
        (200, "application/json"): rows,
        (200, CSVRenderer.media_type): OpenApiTypes.STR,
        (200, NDJSONRenderer.media_type): OpenApiTypes.STR,
    }
    if with_geojson:
        formats[200, geojson.MEDIA_TYPE] = GEOJSON
    return formats


def query(
    name: str,
    kind: Any = OpenApiTypes.STR,
    description: str = "",
    *,
    enum: Sequence[Any] = (),
    required: bool = False,
) -> OpenApiParameter:
    """A parameter in the query."""
    return OpenApiParameter(
        name, kind, "query", description=description, enum=enum or None, required=required
    )


AT = query(
    "at",
    OpenApiTypes.DATETIME,
    "The state as the newest accepted feed up to this time gave it. A time to the second means"
    " the whole of that second: `12:00:10Z` finds the feed of 12:00:10.119. Then `last_updated` of"
    " controllers is null, and `server`, `pilot_rating` and `military_rating` of a flight that has"
    " connected again since, for history does not hold them; `qnh_mb` follows from `qnh_i_hg`."
    " Outside the history 404.",
)
BBOX = query(
    "bbox",
    description="west,south,east,north in degrees; west greater than east crosses the antimeridian",
)


def _answered(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, "header", description=description, response=[200], **more)


FRESHNESS_HEADERS = [
    _answered("X-Data-Age", OpenApiTypes.INT, "Age of the newest feed in seconds"),
    _answered(
        "X-Feed-State", OpenApiTypes.STR, "What that means", enum=["fresh", "stale", "outage"]
    ),
]
LIVE_HEADERS = [
    *FRESHNESS_HEADERS,
    _answered("ETag", OpenApiTypes.STR, "Send it back in If-None-Match: 304 while it holds"),
    OpenApiParameter(
        "If-None-Match", OpenApiTypes.STR, "header", description="The ETag that you have"
    ),
]


def announce_source(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say in the schema, and so on its page, where the data is not the live network's."""
    if notice := notice_of_source():
        result["info"]["description"] += f"\n\n**{notice}**"
    return result
