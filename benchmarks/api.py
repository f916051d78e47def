"""What the live list costs a web process, beside a serializer over the same rows."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from benchmarks.meter import cpu_seconds, report
from collector import snapshots
from collector.buffer import FeedBuffer
from collector.feed import Body, pack
from collector.models import Flight, FlightPlan
from collector.services import flushing, polling
from collector.simulation.network import Network
from monitoring import runtime

AIRCRAFT, REQUESTS = 2000, 1000


class PlanSerializer(serializers.ModelSerializer[FlightPlan]):
    """A plan as one would write it at first thought."""

    class Meta:
        """All of it."""

        model = FlightPlan
        fields = "__all__"


class FlightSerializer(serializers.ModelSerializer[Flight]):
    """A flight as one would write it at first thought."""

    plan = PlanSerializer()

    class Meta:
        """All of it."""

        model = Flight
        fields = "__all__"


def run() -> None:
    """Report a line."""
    from constance import config

    from vatsim_site.wsgi import application

    _fill()
    config.PUBLIC_REQUESTS_PER_MINUTE = 1_000_000
    runtime.forget()
    snapshots.forget()
    get = _caller(application)
    etag = dict(get("/api/flights")[1])["ETag"]
    requests = {
        "live_list": lambda: get("/api/flights"),
        "live_list_gzip": lambda: get("/api/flights", HTTP_ACCEPT_ENCODING="gzip"),
        "not_modified": lambda: get("/api/flights", HTTP_IF_NONE_MATCH=etag),
        "empty_view": lambda: get("/health/live"),
    }
    cpu_ms = {name: _per_request_ms(request) for name, request in requests.items()}
    serializer_ms = min(cpu_seconds(_serialize) for _ in range(3)) * 1000
    report(
        bench="api",
        flights=AIRCRAFT,
        cpu_ms={name: round(ms, 4) for name, ms in cpu_ms.items()},
        model_serializer_cpu_ms=round(serializer_ms, 1),
        serializer_over_live_list=round(serializer_ms / cpu_ms["live_list"]),
        not_modified_over_empty_view=round(cpu_ms["not_modified"] / cpu_ms["empty_view"], 2),
    )


def _fill() -> None:
    network, at = Network(aircraft=AIRCRAFT), datetime.now(UTC) - timedelta(seconds=15)
    for seconds in (0, 15):
        bodies = []
        for content in (
            network.data(at + timedelta(seconds=seconds)),
            network.transceivers(at + timedelta(seconds=seconds)),
        ):
            stored, encoding = pack(content)
            bodies.append(Body(content, stored, encoding, 200, 0.0))
        fetched = polling.Fetched(bodies[0], bodies[1], "", datetime.now(UTC), 0.0)
        polling.take(fetched, FeedBuffer(), "simulated")
        flushing.flush()


def _caller(application: Any) -> Callable[..., tuple[bytes, list[tuple[str, str]]]]:
    """Calls the whole stack as a web server does."""

    def call(path: str, **headers: str) -> tuple[bytes, list[tuple[str, str]]]:
        answered: list[Any] = []
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": BytesIO(),
            "wsgi.errors": BytesIO(),
            "wsgi.url_scheme": "http",
            **headers,
        }
        answer = application(environ, lambda status, headers: answered.append((status, headers)))
        body = b"".join(answer)
        answer.close()
        status, answer_headers = answered[0]
        if status[:3] not in ("200", "304"):
            raise RuntimeError(f"{path} answered {status}: {body[:300]!r}")
        return body, answer_headers

    return call


def _per_request_ms(request: Callable[[], Any]) -> float:
    for _ in range(20):
        request()
    started = time.process_time()
    for _ in range(REQUESTS):
        request()
    return (time.process_time() - started) / REQUESTS * 1000


def _serialize() -> bytes:
    flights = Flight.objects.active().select_related("plan")
    return JSONRenderer().render(FlightSerializer(flights, many=True).data)
