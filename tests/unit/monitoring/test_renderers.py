import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from django.utils.functional import lazystr
from rest_framework.exceptions import ErrorDetail

from monitoring.api.renderers import JSONRenderer


def render(data):
    return JSONRenderer().render(data)


def test_times_are_iso_8601_with_z():
    at = datetime(2026, 11, 22, 10, 15, 0, 250_000, tzinfo=UTC)
    assert render([at]) == b'["2026-11-22T10:15:00.250000Z"]'
    assert (
        datetime.fromisoformat(json.loads(render(at.astimezone(timezone(timedelta(hours=1))))))
        == at
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_answer_holds_nan_or_infinity(value):
    assert render({"value": value}) == b'{"value":null}'


def test_what_django_and_drf_hand_over_is_rendered():
    data = {
        "lazy": lazystr("text"),
        "detail": ErrorDetail("wrong", "code"),
        "decimal": Decimal("1.50"),
        "rows": (number for number in (1, 2)),
    }
    assert json.loads(render(data)) == {
        "lazy": "text",
        "detail": "wrong",
        "decimal": 1.5,
        "rows": [1, 2],
    }


def test_bytes_rendered_before_stand_as_they_are():
    assert render({"flights": msgspec.Raw(b'[{"cid": 1}]')}) == b'{"flights":[{"cid": 1}]}'


def test_an_empty_answer_has_no_body():
    assert render(None) == b""


def test_an_unknown_kind_is_an_error_of_ours():
    with pytest.raises(TypeError, match="object"):
        render({"value": object()})
