"""What a request failed of is reported; what its caller did wrong is not."""

import pytest

from monitoring.errors import reporting
from monitoring.errors.records import ErrorRecord

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]


def test_our_own_fault_is_reported_with_its_request(api, reported) -> None:
    answer = api.get("/api/probe/fails?token=abc&n=1", headers={"x-correlation-id": "request-77"})
    assert answer.status_code == 500
    assert reporting.flush(5)
    (error,) = reported
    assert isinstance(error, ErrorRecord)
    assert error.kind.operation == "GET /api/probe/fails"
    assert error.correlation_id == "request-77"
    assert error.context["path"] == "/api/probe/fails"
    assert error.context["query"] == {"token": "[withheld]", "n": "1"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/no/such/path",
        "/api/probe/public?hours=0",
        "/api/probe/database?text=%00",
        "/api/probe/suspicious",
        "/api/probe/undeclared",
        "/api/probe/public",
    ],
)
def test_what_the_caller_did_wrong_is_not(api, reported, path: str) -> None:
    assert api.get(path).status_code < 500
    assert reporting.flush(5)
    assert reported == []


def test_postgres_away_is_reported_behind_a_503(api, postgres_away, monkeypatch) -> None:
    kept: list = []
    monkeypatch.setattr(reporting._writer, "_store", kept.extend)
    assert api.get("/api/probe/database?text=a").status_code == 503
    assert reporting.flush(10)
    assert {record.kind.category for record in kept} == {"database"}
