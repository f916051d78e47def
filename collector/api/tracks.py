"""Where flights were: one track, what it measures, all tracks of a window, bulk exports."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
import numpy as np
from drf_spectacular.utils import extend_schema
from msgspec import Meta, Struct
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from collector import geojson
from collector.api.delivery import CompressedMixin
from collector.api.renderers import PLACES, PLAIN
from collector.api.schema import row_formats, schema_of
from collector.columns import integers, numbers, times
from collector.models import Flight
from collector.segments import Measures, join, measure
from collector.services.tracking import observed_seconds, pieces_of
from collector.tracks import Track
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead


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

    name = "Track of a flight"
    tag = "Flights"
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
    whole = join(pieces)
    return TrackColumns(
        at=times(whole.at_ms),
        latitude=whole.latitude.tolist(),
        longitude=whole.longitude.tolist(),
        altitude=integers(whole.altitude),
        groundspeed=integers(whole.groundspeed),
        heading=integers(whole.heading),
        qnh_i_hg=numbers(whole.qnh_i_hg),
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

    name = "Measures of a flight"
    tag = "Flights"
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
