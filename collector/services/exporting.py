"""Reads history in bulk, window by window, so that memory holds one window at a time."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np

from collector.models import Flight
from collector.models.positions import WINDOW, window_of
from collector.tracks import Track, read_tracks


def export_batches(since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """The positions between two times with their flights, in the columns of `parquet.SCHEMA`.

    A window holds what its feeds brought, whose own times may be a little earlier: so the window
    after the last one is read too.
    """
    window = window_of(since)
    while window <= until + WINDOW:
        track = read_tracks(window, window).between(since, until)
        if len(track):
            yield _batch(track)
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
