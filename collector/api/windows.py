"""All tracks of a window of time at once."""

from datetime import datetime, timedelta

import numpy as np
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from msgspec import Struct
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from collector.api.delivery import CompressedMixin
from collector.api.filters import Box, bbox, span
from collector.api.members import sees_members
from collector.api.renderers import PLAIN
from collector.api.schema import BBOX, query, schema_of
from collector.columns import integers
from collector.identity import epoch_ms
from collector.models import Flight
from collector.privacy import pseudonym
from collector.segments import join
from collector.services.exporting import windows
from collector.tracks import Track, read_tracks
from monitoring.api import parameters
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead

LONGEST_WINDOW = timedelta(hours=2)
MOST_STEPS = 240  # of a window: 2 h in steps of 30 s, 1 h in steps of 15 s
LEAST_STEP_S, USUAL_STEP_S, MOST_STEP_S = 15, 60, 600


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

    name = "Tracks of a window"
    tag = "Flights"
    permission_classes = (PublicRead,)
    renderer_classes = PLAIN
    parameters = ("from", "to", "step", "bbox")

    @extend_schema(
        operation_id="flights_window",
        parameters=[
            query("from", OpenApiTypes.DATETIME, "The first instant", required=True),
            query(
                "to",
                OpenApiTypes.DATETIME,
                "The last instant, at most 2 h and 240 steps later",
                required=True,
            ),
            query("step", OpenApiTypes.INT, "Seconds from 15 to 600, by default 60"),
            BBOX,
        ],
        responses={200: schema_of(WindowAnswer)},
    )
    def get(self, request: Request) -> Response:
        """The positions of all flights between two times, as arrays for each flight."""
        since, until = span(request, LONGEST_WINDOW)
        step = parameters.integer(
            request.query_params, "step", USUAL_STEP_S, least=LEAST_STEP_S, most=MOST_STEP_S
        )
        if until - since > timedelta(seconds=MOST_STEPS * step):
            reason = f"Must divide the window into at most {MOST_STEPS} steps."
            raise ValidationError({"step": [reason]})
        track = _read(since, until, step * 1000, bbox(request))
        flights = _window_flights(track, epoch_ms(since), sees_members(request))
        return Response(WindowAnswer(since, until, step, flights))


def _read(since: datetime, until: datetime, step_ms: int, box: Box | None) -> Track:
    """The thinned tracks, flight by flight; memory holds all positions of one window only."""
    parts = []
    for window in windows(since, until):
        part = read_tracks(window, window).between(since, until)
        if box:
            part = part.select(box.mask(part.latitude, part.longitude))
        parts.append(_thinned(part, epoch_ms(since), step_ms))
    whole = join(parts)
    whole = whole.select(np.lexsort((whole.at_ms, whole.flight_id)))
    return _thinned(whole, epoch_ms(since), step_ms)


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
        if flight_id in flights  # whose row retention has spared
        for pk, cid, *texts in [flights[flight_id]]
    ]
