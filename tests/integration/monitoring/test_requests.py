"""What every request gets: a correlation id, and no difference between slash and none."""

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]


def test_the_callers_correlation_id_reaches_the_view_and_the_answer(api):
    response = api.get("/api/probe/public", HTTP_X_CORRELATION_ID="grafana-12345")
    assert response["X-Correlation-ID"] == "grafana-12345"
    assert response.json()["correlation_id"] == "grafana-12345"


def test_a_harmful_correlation_id_is_replaced(api):
    response = api.get("/api/probe/public", HTTP_X_CORRELATION_ID="<script>alert(1)</script>")
    assert len(response["X-Correlation-ID"]) == 32


def test_each_request_has_an_id_of_its_own(api):
    addresses = ["/api/probe/public", "/api/probe/public", "/", "/no/such/page", "/health/live"]
    ids = {api.get(address)["X-Correlation-ID"] for address in addresses}
    assert len(ids) == len(addresses)


@pytest.mark.parametrize(
    "address",
    ["/api/probe/public", "/api/probe/groups", "/api/schema", "/api/docs", "/health/live"],
)
def test_a_trailing_slash_makes_no_difference(api, address):
    without, with_slash = api.get(address), api.get(f"{address}/")
    assert (without.status_code, with_slash.status_code) == (200, 200)
    assert api.get(f"{address}//").status_code == 404


def test_the_health_page_answers_without_a_slash_too(api):
    assert api.get("/health").status_code == api.get("/health/").status_code == 200


def test_the_admin_is_found_without_a_slash(api):
    assert api.get("/admin")["Location"] == "/admin/"
