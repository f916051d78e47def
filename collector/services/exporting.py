"""Reads history in bulk, window by window, so that memory holds one window at a time."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np

from collector.models import Flight
from collector.models.positions import WINDOW, window_of
from collector.tracks import RENEWED_WITHIN, Track, read_tracks


def export_batches(since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """The positions between two times with their flights, in the columns of `parquet.SCHEMA`."""
    for window in windows(since, until):
        track = read_tracks(window, window).between(since, until)
        if len(track):
            yield _batch(track)


def windows(since: datetime, until: datetime) -> Iterator[datetime]:
    """The starts of the windows that hold the positions between two times.

    A window holds what its feeds brought, whose own times are up to three minutes earlier.
    """
    window = window_of(since)
    while window <= until + RENEWED_WITHIN:
        yield window
        window += WINDOW


def _batch(track: Track) -> dict[str, Any]:
    ids, indexes = np.unique(track.flight_id, return_inverse=True)
    named = Flight.objects.filter(pk__in=ids.tolist()).values_list("id", "callsign", "cid")
    members = {flight_id: (callsign, cid) for flight_id, callsign, cid in named}
    known = [members.get(flight_id, (None, None)) for flight_id in ids.tolist()]
    return {
        "flight_id": track.flight_id,
        "callsign": [known[i][0] for i in indexes.tolist()],
        "cid": [known[i][1] for i in indexes.tolist()],
        "at": track.at_ms.astype("datetime64[ms]"),
        "latitude": track.latitude,
        "longitude": track.longitude,
        "altitude": track.altitude,
        "groundspeed": track.groundspeed,
        "heading": track.heading,
        "qnh_i_hg": track.qnh_i_hg,
    }
