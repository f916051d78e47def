"""The short way to the live lists.

Nearly all requests are for a whole list as JSON, by anonymous readers, every few seconds. Those
are answered before sessions, routing and Django REST framework begin: with the bytes that lie
ready, after the same permission and throttle. Everything else, refusals too, goes the usual way
and ends in the same answers.
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from collector import snapshots
from collector.api import delivery
from collector.services import current
from collector.snapshots import ListName
from monitoring import runtime
from monitoring.api import throttling

LISTS: dict[str, ListName] = {"/api/flights": "flights", "/api/atc-positions": "positions"}
# What programs send that want JSON or don't mind; other wishes are weighed the usual way.
PLAIN_JSON = frozenset(
    {"*/*", "application/json", "application/json, text/plain, */*", "application/json, */*"}
)

Handler = Callable[[HttpRequest], HttpResponse]


class LiveListMiddleware:
    """Answers what can be answered at once; stands behind the redirect to https."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The list, or what the usual way answers."""
        name = LISTS.get(request.path_info)
        return (name and quick_answer(request, name)) or self.get_response(request)


def quick_answer(request: HttpRequest, name: ListName) -> HttpResponse | None:
    """The whole list for an anonymous reader who may have it now; None if in any doubt."""
    if not _is_plain(request) or not runtime.current().public_api:
        return None
    rendering = snapshots.get(name, "public")
    if rendering is None or not throttling.admits(request):
        return None
    response = delivery.answer(request, rendering, delivery.freshness_headers(current.age()))
    response.headers["Content-Length"] = str(len(response.content))
    return response


def _is_known_host(request: HttpRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


def _is_plain(request: HttpRequest) -> bool:
    given = request.META
    return (
        _is_known_host(request)
        and request.method in {"GET", "HEAD"}
        and not given.get("QUERY_STRING")
        and given.get("HTTP_ACCEPT", "*/*") in PLAIN_JSON
        and "HTTP_AUTHORIZATION" not in given
        and settings.SESSION_COOKIE_NAME not in given.get("HTTP_COOKIE", "")
    )
