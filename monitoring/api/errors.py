"""The one shape of every error: `{"error": {"code", "message", "details", "correlation_id"}}`."""

import sys
from typing import Any

import psycopg
import redis
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from monitoring import correlation
from monitoring.api import throttling
from monitoring.api.renderers import JSONRenderer
from monitoring.errors.requests import report_failed

# PostgreSQL or Redis doesn't answer, or not in time.
AWAY = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    redis.ConnectionError,
    redis.TimeoutError,
)
# A value that PostgreSQL can't take (NUL, out of range, a lone surrogate): it came from the caller.
UNSTORABLE = (DataError, UnicodeEncodeError)
CALLERS_FAULT = (*UNSTORABLE, OverflowError)
RETRY_AFTER_SECONDS = 5
# Other renderers (CSV, GeoJSON, HTML pages) know rows, not errors.
ERROR_FORMATS = ("json", "api")


class Conflict(exceptions.APIException):
    """What is asked for contradicts what is."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Unavailable(exceptions.APIException):
    """PostgreSQL or Redis is away; the same request may succeed in a moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The service can't answer right now. Please try again in a moment."
    wait = RETRY_AFTER_SECONDS


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to what a view raised; None for what is our own fault, which rises to a 500."""
    known = _as_api_exception(error)
    if known is None:
        return None
    set_rollback()
    request: Request = context["request"]
    if known.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        report_failed(error, request._request)  # noqa: SLF001 - DRF has no other name for it
    known = _counted(known, request, context["view"])
    _render_errors_as_json(request)
    if isinstance(known, Unavailable):
        request.user = AnonymousUser()  # rendering must not look the reader up again
    return Response(_describe(known), status=known.status_code, headers=_headers(known))


def report_unhandled(request: HttpRequest | None = None, **_: Any) -> None:
    """Report what no view answered (a receiver of `got_request_exception`).

    A value from the caller that PostgreSQL can't take is answered as a bad request.
    """
    error = sys.exception()
    if request is not None and error is not None and not isinstance(error, CALLERS_FAULT):
        report_failed(error, request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: what was refused before any view saw it."""
    if _is_api(request):
        return _json(status.HTTP_400_BAD_REQUEST, "bad_request", "The request can't be understood.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if _is_api(request):
        return _json(status.HTTP_403_FORBIDDEN, "permission_denied", "You may not do this.")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: no such path."""
    if _is_api(request):
        return _json(status.HTTP_404_NOT_FOUND, "not_found", "There is nothing at this path.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: 503 while PostgreSQL or Redis is away, else our own fault."""
    error = sys.exception()
    if isinstance(error, AWAY):
        return _unavailable(request)
    if isinstance(error, CALLERS_FAULT):
        return bad_request(request, error)
    if _is_api(request):
        message = "Something failed on the server."
        return _json(status.HTTP_500_INTERNAL_SERVER_ERROR, "internal_error", message)
    return defaults.server_error(request)


def _unavailable(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if _is_api(request):
        return JsonResponse(_describe(Unavailable()), status=503, headers=headers)
    # Without the request: its context processors may ask the database.
    return HttpResponse(render_to_string("503.html"), status=503, headers=headers)


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound(*error.args)
        case PermissionDenied():
            return exceptions.PermissionDenied(*error.args)
        case ValidationError():
            return exceptions.ValidationError(getattr(error, "message_dict", error.messages))
    if isinstance(error, UNSTORABLE):
        return exceptions.ParseError("A value in the request can't be looked up or stored.")
    return Unavailable() if isinstance(error, AWAY) else None


def _counted(
    refusal: exceptions.APIException, request: Request, view: APIView
) -> exceptions.APIException:
    """The refusal; another one where it is one too many.

    Who may not ask, or for no format that there is, is refused before the throttle counts: it
    counts these requests here.
    """
    if refusal.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        return refusal
    try:
        if not throttling.has_counted(request) and not _is_known(request):
            view.check_throttles(request)
    except (exceptions.Throttled, *AWAY) as other:
        return _as_api_exception(other) or refusal
    return refusal


def _is_known(request: Request) -> bool:
    """Whether the reader has signed in; who can't be believed is anonymous from then on."""
    try:
        return request.user.is_authenticated
    except exceptions.APIException:
        return False


def _describe(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        details = error.detail if isinstance(error.detail, dict) else {"request": error.detail}
        message = f"Please correct: {', '.join(map(str, details))}."
        return _body("invalid", message, details)
    wait = getattr(error, "wait", None)
    details = {} if wait is None else {"retry_after_seconds": wait}
    return _body(getattr(error.detail, "code", error.default_code), str(error.detail), details)


def _body(code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "error": {
            "code": code,
            "message": message,
            "details": details or {},
            "correlation_id": correlation.current(),
        }
    }


def _json(status_code: int, code: str, message: str) -> HttpResponse:
    return JsonResponse(_body(code, message), status=status_code)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return headers


def _render_errors_as_json(request: Request) -> None:
    renderer = getattr(request, "accepted_renderer", None)
    if renderer is not None and renderer.format not in ERROR_FORMATS:
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/") or request.path_info == "/api"
