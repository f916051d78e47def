"""How the collector and the network are."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from msgspec import Meta, Struct
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collector import counts as feed_counts
from collector.api import delivery
from collector.api.delivery import CompressedMixin
from collector.api.live import asked_time, moment
from collector.api.renderers import PLAIN
from collector.api.schema import AT, FRESHNESS_HEADERS, schema_of
from collector.freshness import FeedState
from collector.live import NetworkStatus
from collector.models import Source
from collector.services import condition, current, past
from collector.services.condition import Condition, Report
from collector.services.past import COUNTS, Counts
from collector.services.references import references
from collector.views import source
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead


class Snapshot(Struct):
    """The newest feed."""

    feed_at: Annotated[datetime, Meta(description="Its own time")]
    received_at: Annotated[datetime, Meta(description="When it was fetched")]
    pilots: feed_counts.Pilots
    controllers: feed_counts.Controllers
    observers: feed_counts.Observers
    atis: feed_counts.Atis
    prefiles: feed_counts.Prefiles
    connected_clients: feed_counts.Clients
    unique_users: feed_counts.Users


class Status(Struct):
    """The system's condition; `flights` and `controllers` are those of the newest feed."""

    status: Condition
    timestamp: Annotated[datetime, Meta(description="When this was measured")]
    version: Annotated[str, Meta(description="Of the software")]
    source: Annotated[
        str | None,
        Meta(
            description="Where the feeds come from; null while that can't be read",
            extra_json_schema={"enum": [*Source.Kind.values, None]},
        ),
    ]
    feed_state: FeedState
    data_age_seconds: float | None
    flights: feed_counts.Pilots
    controllers: feed_counts.Controllers
    last_snapshot: Annotated[
        Snapshot | None, Meta(description="The newest feed; null before the first")
    ]
    services: Annotated[dict[str, Condition], Meta(description="Each part's condition")]


class StatusView(CompressedMixin, StrictParametersMixin):
    """The system's condition."""

    name = "System status"
    tag = "Status"
    permission_classes = (PublicRead,)
    renderer_classes = PLAIN

    @extend_schema(
        operation_id="status", parameters=FRESHNESS_HEADERS, responses={200: schema_of(Status)}
    )
    def get(self, request: Request) -> Response:
        """Whether each service works, measured now, and what the newest feed holds."""
        report = condition.report()
        network = report.network
        status = Status(
            status=report.overall,
            timestamp=timezone.now(),
            version=settings.VERSION,
            source=source(),  # after the report, which has connected to PostgreSQL
            feed_state=report.age.state,
            data_age_seconds=report.age.age_s,
            flights=network.pilots if network else 0,
            controllers=network.controllers if network else 0,
            last_snapshot=_snapshot(report),
            services=report.services,
        )
        return Response(status, headers=delivery.freshness_headers(report.age))


def _snapshot(report: Report) -> Snapshot | None:
    if report.head is None or report.network is None:
        return None
    counts = {name: getattr(report.network, name) for name in COUNTS}
    return Snapshot(feed_at=report.head.feed_at, received_at=report.head.received_at, **counts)


class NetworkAnswer(NetworkStatus):
    """What the network reports of itself, and how its numbers were over the last 24 hours."""

    feed_state: FeedState
    data_age_seconds: float | None
    counts: Annotated[
        list[Counts] | None,
        Meta(
            description="The last 24 hours: the newest feed of each quarter of an hour that had"
            " one; null while PostgreSQL, which has them, is away"
        ),
    ]


class NetworkView(CompressedMixin, StrictParametersMixin):
    """What the VATSIM network itself reports."""

    name = "Network status"
    tag = "Status"
    permission_classes = (PublicRead,)
    renderer_classes = PLAIN
    parameters = ("at",)

    @extend_schema(
        operation_id="network_status",
        parameters=[AT, *FRESHNESS_HEADERS],
        responses={200: schema_of(NetworkAnswer)},
    )
    def get(self, request: Request) -> Response:
        """Clients by kind and server, now or at a past time."""
        if at := asked_time(request):
            feed_at, age = moment(at)
            network = past.network(feed_at)
        else:
            age = current.age()
            network = _newest_network()
        answer = NetworkAnswer(
            **msgspec.structs.asdict(network),
            feed_state=age.state,
            data_age_seconds=age.age_s,
            counts=_counts(network.update_timestamp),
        )
        return Response(answer, headers=delivery.freshness_headers(age))


def _newest_network() -> NetworkStatus:
    rendering = current.rendering("network", "public")
    if rendering is None:
        raise NotFound("No feed has come yet.")
    network: NetworkStatus = rendering.rows()
    return network


def _counts(feed_at: datetime) -> list[Counts] | None:
    try:
        return past.counts_before(feed_at)
    except (DatabaseError, InterfaceError):
        return None


class RatingsView(CompressedMixin, StrictParametersMixin):
    """The feed's own lists."""

    name = "Ratings and facilities"
    tag = "Air traffic control"
    permission_classes = (PublicRead,)
    renderer_classes = PLAIN

    @extend_schema(
        operation_id="vatsim_ratings",
        responses={200: schema_of(dict[str, list[dict[str, Any]]])},
    )
    def get(self, request: Request) -> Response:
        """Ratings of controllers, pilots and military pilots, and facilities, as the feed has."""
        return Response(references())
