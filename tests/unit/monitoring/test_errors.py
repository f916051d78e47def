import json
from types import SimpleNamespace

import psycopg
import pytest
import redis
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions
from rest_framework.request import Request

from monitoring import correlation
from monitoring.api import errors

UNLIMITED = SimpleNamespace(check_throttles=lambda _request: None)


def handle(error: Exception):
    request = Request(RequestFactory().get("/api/flights"))
    with correlation.use("test-correlation"):
        return errors.exception_handler(error, {"request": request, "view": UNLIMITED})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.AuthenticationFailed(), 401, "authentication_failed"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (PermissionDenied(), 403, "permission_denied"),
        (exceptions.NotFound(), 404, "not_found"),
        (Http404("No such flight."), 404, "not_found"),
        (exceptions.MethodNotAllowed("POST"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/x"), 415, "unsupported_media_type"),
        (exceptions.Throttled(7), 429, "throttled"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.ValidationError({"hours": ["Too many."]}), 400, "invalid"),
        (ValidationError({"hours": ["Too many."]}), 400, "invalid"),
        (ValidationError("Too many."), 400, "invalid"),
        (DataError("NUL"), 400, "parse_error"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), 400, "parse_error"),
        (OperationalError("secret-host is away"), 503, "unavailable"),
        (InterfaceError("connection already closed"), 503, "unavailable"),
        (psycopg.OperationalError("secret-host is away"), 503, "unavailable"),
        (redis.ConnectionError("secret-host is away"), 503, "unavailable"),
        (redis.TimeoutError("secret-host is slow"), 503, "unavailable"),
    ],
)
def test_every_cause_has_the_one_shape(error, status, code):
    response = handle(error)
    assert response.status_code == status
    body = response.data["error"]
    assert set(body) == {"code", "message", "details", "correlation_id"}
    assert body["code"] == code
    assert body["message"]
    assert isinstance(body["details"], dict)
    assert body["correlation_id"] == "test-correlation"
    assert "secret-host" not in json.dumps(response.data)


def test_a_bad_parameter_is_named_in_details():
    body = handle(exceptions.ValidationError({"hours": ["Too many."]})).data["error"]
    assert body["details"] == {"hours": ["Too many."]}
    assert "hours" in body["message"]


def test_who_is_throttled_learns_how_long():
    response = handle(exceptions.Throttled(7))
    assert response["Retry-After"] == "7"
    assert response.data["error"]["details"] == {"retry_after_seconds": 7}


def test_what_is_away_may_be_asked_again():
    assert handle(OperationalError("away"))["Retry-After"] == "5"


def test_our_own_fault_is_left_to_rise():
    assert handle(RuntimeError("bug")) is None
