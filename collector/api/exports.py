"""Positions in bulk, streamed."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from collector import parquet
from collector.api.filters import span
from collector.api.renderers import PLAIN, ParquetRenderer
from collector.api.schema import query, schema_of
from collector.columns import integers, numbers, times
from collector.services.exporting import export_batches
from monitoring.api.formats import CSVRenderer, NDJSONRenderer, write_csv, write_ndjson
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import Staff

LONGEST_EXPORT = timedelta(days=31)


class ExportView(StrictParametersMixin):
    """Positions in bulk."""

    name = "Positions in bulk"
    tag = "Flights"
    permission_classes = (Staff,)
    renderer_classes = (*PLAIN, ParquetRenderer, CSVRenderer, NDJSONRenderer)
    parameters = ("from", "to")

    @extend_schema(
        operation_id="export_positions",
        parameters=[
            query("from", OpenApiTypes.DATETIME, "The first instant", required=True),
            query(
                "to",
                OpenApiTypes.DATETIME,
                "The last instant, at most 31 days later",
                required=True,
            ),
        ],
        responses={
            (200, parquet.MEDIA_TYPE): OpenApiTypes.BINARY,
            (200, CSVRenderer.media_type): OpenApiTypes.STR,
            (200, NDJSONRenderer.media_type): OpenApiTypes.STR,
            (200, "application/json"): schema_of(dict[str, str]),
        },
    )
    def get(self, request: Request) -> Any:
        """All stored positions between two times, streamed; as JSON the addresses of the formats.

        Flight by flight within windows of 15 minutes, a Parquet row group for each.
        """
        since, until = span(request, LONGEST_EXPORT)
        format_ = request.accepted_renderer.format
        if format_ not in EXPORTS:
            address = request.build_absolute_uri()
            return Response({n: replace_query_param(address, "format", n) for n in EXPORTS})
        stream = EXPORTS[format_](export_batches(since, until))
        response = StreamingHttpResponse(stream, content_type=request.accepted_media_type)
        name = f"positions-{since:%Y%m%dT%H%M%SZ}-{until:%Y%m%dT%H%M%SZ}.{format_}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


Batches = Iterable[Mapping[str, Any]]


def _csv(batches: Batches) -> Iterator[bytes]:
    yield write_csv([], EXPORT_COLUMNS).encode()
    for batch in batches:
        yield write_csv(_batch_rows(batch), EXPORT_COLUMNS).partition("\r\n")[2].encode()


def _ndjson(batches: Batches) -> Iterator[bytes]:
    for batch in batches:
        yield write_ndjson(_batch_rows(batch))


def _batch_rows(batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    columns = [
        batch["flight_id"].tolist(), batch["callsign"], batch["cid"],
        times(batch["at"].astype(int)), batch["latitude"].tolist(), batch["longitude"].tolist(),
        integers(batch["altitude"]), integers(batch["groundspeed"]), integers(batch["heading"]),
        numbers(batch["qnh_i_hg"]),
    ]  # fmt: skip
    for values in zip(*columns, strict=True):
        yield dict(zip(EXPORT_COLUMNS, values, strict=True))


EXPORT_COLUMNS = tuple(parquet.SCHEMA.names)
EXPORTS = {"parquet": parquet.stream, "csv": _csv, "ndjson": _ndjson}
