"""Where flights were: one track, what it measures, all tracks of a window, bulk exports."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn

import msgspec
import numpy as np
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from msgspec import Meta, Struct
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from collector import geojson, parquet
from collector.api.delivery import CompressedMixin
from collector.api.filters import bbox
from collector.api.members import sees_members
from collector.api.renderers import PLACES, PLAIN, ParquetRenderer
from collector.api.schema import BBOX, query, row_formats, schema_of
from collector.columns import integers, numbers, times
from collector.identity import epoch_ms
from collector.models import Flight
from collector.privacy import pseudonym
from collector.segments import Measures, measure
from collector.services.exporting import export_batches
from collector.services.tracking import observed_seconds, pieces_of
from collector.tracks import Track, read_tracks
from monitoring.api import parameters
from monitoring.api.formats import CSVRenderer, NDJSONRenderer, write_csv, write_ndjson
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead, Staff

LONGEST_WINDOW = timedelta(hours=2)
MOST_STEPS = 240  # of a window: 2 h in steps of 30 s, 1 h in steps of 15 s
LEAST_STEP_S, USUAL_STEP_S = 15, 60
LONGEST_EXPORT = timedelta(days=31)


class TrackColumns(Struct):
    """A value for each position, in time order: ft, kt, degrees, inches of mercury."""

    at: list[datetime]
    latitude: list[float]
    longitude: list[float]
    altitude: list[int | None]
    groundspeed: list[int | None]
    heading: list[int | None]
    qnh_i_hg: list[float | None]
    piece: Annotated[
        list[int], Meta(description="Counts up at each gap: draw no line from one to the next")
    ]


class FlightTrack(Struct):
    """A flight's track as columns, which is what a map draws."""

    flight: int
    callsign: str
    positions: TrackColumns


class TrackView(CompressedMixin, StrictParametersMixin, generics.GenericAPIView[Flight]):
    """Every stored position of a flight."""

    permission_classes = (PublicRead,)
    pagination_class = None
    renderer_classes = PLACES
    queryset = Flight.objects.all()
    csv_columns = TrackColumns.__struct_fields__

    @extend_schema(operation_id="flight_track", responses=row_formats(schema_of(FlightTrack)))
    def get(self, request: Request, pk: int) -> Response:
        """The track in time order: columns as JSON, a position a row as CSV and NDJSON.

        As GeoJSON a LineString, broken into a MultiLineString at gaps and at the antimeridian;
        `times` and `altitude` among its properties have the shape of the coordinates.
        """
        flight = self.get_object()
        pieces = pieces_of(flight)
        format_ = self.request.accepted_renderer.format
        if format_ == "geojson":
            name = {"flight": flight.pk, "callsign": flight.callsign}
            return Response(geojson.track_feature(pieces, name))
        columns = _columns(pieces)
        if format_ in {"csv", "ndjson"}:
            return Response(list(_rows(columns)))
        return Response(FlightTrack(flight.pk, flight.callsign, columns))


def _columns(pieces: list[Track]) -> TrackColumns:
    def joined(name: str) -> Any:
        return np.concatenate([getattr(piece, name) for piece in pieces] or [np.empty(0)])

    return TrackColumns(
        at=times(joined("at_ms").astype(np.int64)),
        latitude=joined("latitude").tolist(),
        longitude=joined("longitude").tolist(),
        altitude=integers(joined("altitude")),
        groundspeed=integers(joined("groundspeed")),
        heading=integers(joined("heading")),
        qnh_i_hg=numbers(joined("qnh_i_hg")),
        piece=np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces]).tolist(),
    )


def _rows(columns: TrackColumns) -> Iterator[dict[str, Any]]:
    names = columns.__struct_fields__
    for values in zip(*msgspec.structs.astuple(columns), strict=True):
        yield dict(zip(names, values, strict=True))


class FlightStats(Measures, frozen=True, kw_only=True):
    """What positions and presences tell of a flight, without a guess.

    `observed_seconds` is the time during which feeds had the flight, `tracked_seconds` the part of
    it between positions. `distance_flown_nm` leaves out what lies in gaps; `top_speed_kt` is the
    fastest that two successive positions imply.
    """

    flight: int
    callsign: str
    observed_seconds: float


class StatsView(CompressedMixin, StrictParametersMixin, generics.GenericAPIView[Flight]):
    """What was measured of a flight."""

    permission_classes = (PublicRead,)
    pagination_class = None
    renderer_classes = PLAIN
    queryset = Flight.objects.prefetch_related("presences")

    @extend_schema(operation_id="flight_stats", responses={200: schema_of(FlightStats)})
    def get(self, request: Request, pk: int) -> Response:
        """Durations, distances, and the greatest altitude and speeds, out of stored positions."""
        flight = self.get_object()
        measures = msgspec.structs.asdict(measure(pieces_of(flight)))
        stats = FlightStats(
            flight=flight.pk,
            callsign=flight.callsign,
            observed_seconds=observed_seconds(flight),
            **measures,
        )
        return Response(stats)


# --- All flights --------------------------------------------------------------------------------


class WindowFlight(Struct):
    """A flight's positions in a window: a value for each, `seconds` counted from its start."""

    id: int
    cid: int
    callsign: str
    departure: str
    arrival: str
    aircraft_short: str
    seconds: list[float]
    latitude: list[float]
    longitude: list[float]
    altitude: list[int | None]
    groundspeed: list[int | None]
    heading: list[int | None]


class WindowAnswer(Struct, rename={"since": "from", "until": "to"}):
    """All tracks of a window; of each flight at most one position in a step."""

    since: datetime
    until: datetime
    step: int
    flights: list[WindowFlight]


class WindowView(CompressedMixin, StrictParametersMixin):
    """What a player on a map asks for."""

    permission_classes = (PublicRead,)
    renderer_classes = PLAIN
    parameters = ("from", "to", "step", "bbox")

    @extend_schema(
        operation_id="flights_window",
        parameters=[
            query("from", OpenApiTypes.DATETIME, required=True),
            query("to", OpenApiTypes.DATETIME, "At most 2 h and 240 steps later", required=True),
            query("step", OpenApiTypes.INT, "Seconds from 15 to 600, by default 60"),
            BBOX,
        ],
        responses={200: schema_of(WindowAnswer)},
    )
    def get(self, request: Request) -> Response:
        """The positions of all flights between two times, as arrays for each flight."""
        since, until = _span(request, LONGEST_WINDOW)
        step = parameters.integer(
            request.query_params, "step", USUAL_STEP_S, least=LEAST_STEP_S, most=600
        )
        if until - since > timedelta(seconds=MOST_STEPS * step):
            _refuse("step", f"Must divide the window into at most {MOST_STEPS} steps.")
        track = read_tracks(since, until).between(since, until)
        if box := bbox(request):
            track = track.select(box.mask(track.latitude, track.longitude))
        track = _thinned(track, epoch_ms(since), step * 1000)
        flights = _window_flights(track, epoch_ms(since), sees_members(request))
        return Response(WindowAnswer(since, until, step, flights))


def _span(request: Request, longest: timedelta) -> tuple[datetime, datetime]:
    """`from` and `to`, both required."""
    since = parameters.instant(request.query_params, "from", None)
    until = parameters.instant(request.query_params, "to", None)
    if since is None or until is None:
        _refuse("from" if since is None else "to", "Is required.")
    if not since < until <= since + longest:
        _refuse("to", f"Must be later than from, by at most {longest}.")
    return since, until


def _refuse(name: str, why: str) -> NoReturn:
    raise ValidationError({name: [why]})


def _thinned(track: Track, since_ms: int, step_ms: int) -> Track:
    """The first position of each flight in each step; the track is sorted by flight and time."""
    steps = (track.at_ms - since_ms) // step_ms
    is_first = np.ones(len(track), bool)
    is_first[1:] = (np.diff(steps) != 0) | (np.diff(track.flight_id) != 0)
    return track.select(is_first)


def _window_flights(track: Track, since_ms: int, with_members: bool) -> list[WindowFlight]:
    ids, starts = np.unique(track.flight_id, return_index=True)
    pieces = list(map(slice, starts.tolist(), [*starts[1:].tolist(), None]))
    columns = (
        ((track.at_ms - since_ms) / 1000).tolist(),
        track.latitude.tolist(),
        track.longitude.tolist(),
        *map(integers, (track.altitude, track.groundspeed, track.heading)),
    )
    named = Flight.objects.filter(pk__in=ids.tolist()).values_list(
        "id", "cid", "callsign", "departure", "arrival", "aircraft_short"
    )
    flights = {row[0]: row for row in named}
    return [
        WindowFlight(
            pk,
            cid if with_members else pseudonym(cid),
            *texts,
            *(column[piece] for column in columns),
        )
        for flight_id, piece in zip(ids.tolist(), pieces, strict=True)
        if flight_id in flights  # not erased meanwhile
        for pk, cid, *texts in [flights[flight_id]]
    ]


class ExportView(StrictParametersMixin):
    """Positions in bulk."""

    permission_classes = (Staff,)
    renderer_classes = (*PLAIN, ParquetRenderer, CSVRenderer, NDJSONRenderer)
    parameters = ("from", "to")

    @extend_schema(
        operation_id="export_positions",
        parameters=[
            query("from", OpenApiTypes.DATETIME, required=True),
            query("to", OpenApiTypes.DATETIME, "At most 31 days later", required=True),
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
        since, until = _span(request, LONGEST_EXPORT)
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
        batch["flight_id"].tolist(), batch["callsign"], batch["cid"], times(batch["at"].astype(int)),
        batch["latitude"].tolist(), batch["longitude"].tolist(), integers(batch["altitude"]),
        integers(batch["groundspeed"]), integers(batch["heading"]), numbers(batch["qnh_i_hg"]),
    ]  # fmt: skip
    for values in zip(*columns, strict=True):
        yield dict(zip(EXPORT_COLUMNS, values, strict=True))


EXPORT_COLUMNS = tuple(parquet.SCHEMA.names)
EXPORTS = {"parquet": parquet.stream, "csv": _csv, "ndjson": _ndjson}
