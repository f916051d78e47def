"""What happens to every request before and after its view."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

from monitoring import correlation
from monitoring.api.permissions import PublicRead

CORRELATION_HEADER = "X-Correlation-ID"
# Below these a path with a trailing slash means the same as without.
SLASHLESS = ("/api/", "/health/")

Handler = Callable[[HttpRequest], HttpResponse]


class CorrelationMiddleware:
    """Puts the request's correlation id in force and names it in the answer."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer under the caller's id or a new one."""
        offered = request.headers.get(CORRELATION_HEADER, "")
        with correlation.use(correlation.choose(offered)) as correlation_id:
            response = self.get_response(request)
            response[CORRELATION_HEADER] = correlation_id
            return response


class OptionalSlashMiddleware:
    """Resolves a path below `SLASHLESS` as if its trailing slash weren't there: no redirect."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer `/api/status/` as `/api/status`."""
        if request.path_info.startswith(SLASHLESS):
            request.path_info = request.path_info.removesuffix("/")
        return self.get_response(request)


class PrivateAnswersMiddleware:
    """Keeps the answers of the API that aren't public, refusals too, out of every cache."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; what a view not open to everybody answered is marked."""
        response = self.get_response(request)
        if _is_closed(getattr(request.resolver_match, "func", None)):
            patch_cache_control(response, private=True, no_store=True)
        return response


def _is_closed(view: object) -> bool:
    """Whether it is a view of the API that doesn't name the permission of everybody."""
    rules = getattr(getattr(view, "cls", None), "permission_classes", None)
    return rules is not None and PublicRead not in rules
