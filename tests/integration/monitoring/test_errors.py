"""Every refusal and failure over HTTP has the one shape."""

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]


def error_of(response, status: int) -> dict:
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details", "correlation_id"}
    assert error["correlation_id"] == response["X-Correlation-ID"]
    assert b"secret" not in response.content
    assert b"Traceback" not in response.content
    return error


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/no/such/path", 404, "not_found"),
        ("/api/probe/public?hours=0", 400, "invalid"),
        ("/api/probe/public?hours=" + "9" * 5000, 400, "invalid"),
        ("/api/probe/public?hours=%00", 400, "invalid"),
        ("/api/probe/public?hours=%ff", 400, "invalid"),
        ("/api/probe/public?format=xyz", 400, "invalid"),
        ("/api/probe/public?%00%ff=1", 400, "invalid"),
        ("/api/probe/public/%00", 404, "not_found"),
        ("/api/%ff", 404, "not_found"),
        ("/api/probe/database?text=%00", 400, "parse_error"),
        ("/api/probe/suspicious", 400, "bad_request"),
        ("/api/probe/undeclared", 401, "not_authenticated"),
        ("/api/probe/staff", 401, "not_authenticated"),
        ("/api/probe/fails", 500, "internal_error"),
        ("/api/probe/public?" + "&".join(f"p{n}=1" for n in range(1500)), 400, "bad_request"),
    ],
)
def test_each_cause_answers_its_status_and_code(api, address, status, code):
    assert error_of(api.get(address), status)["code"] == code


def test_an_unknown_parameter_is_named(api):
    error = error_of(api.get("/api/probe/public?hour=3"), 400)
    assert error["details"] == {"hour": ["Unknown parameter."]}


def test_the_filters_the_page_and_the_format_are_known_parameters(api):
    query = "id__gte=1&name__startswith=a&page_size=5&ordering=-id&format=json"
    assert api.get(f"/api/probe/groups?{query}").status_code == 200
    error = error_of(api.get("/api/probe/groups?id__lte=1"), 400)
    assert list(error["details"]) == ["id__lte"]


@pytest.mark.parametrize(
    "query", ["id=x", "id=" + "9" * 400, "id=nan", "name=%00", "page_size=201", "ordering=password"]
)
def test_a_bad_filter_or_page_is_named_and_never_a_500(api, query):
    error = error_of(api.get(f"/api/probe/groups?{query}"), 400)
    assert list(error["details"]) == [query.split("=")[0]]


@pytest.mark.parametrize("query", ["id=9223372036854775808", "id__gte=99999999999999999999"])
def test_a_number_beyond_the_column_finds_nothing(api, query):
    assert api.get(f"/api/probe/groups?{query}").json()["results"] == []


def test_a_refused_row_format_still_answers_json(api):
    error_of(api.get("/api/probe/groups?format=csv&ordering=password"), 400)


def test_a_wrong_method_is_405_and_a_wrong_kind_of_body_415(signed_in):
    client = signed_in("viewer")
    error_of(client.delete("/api/probe/staff"), 405)
    other = client.post("/api/probe/staff", "a=1", content_type="text/plain")
    assert error_of(other, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[NaN]",
        b"1e400",
        b"9" * 5000,
        b'["\\ud800"]',
        b'"\xff"',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: ascii(body[:10]),
)
def test_a_body_that_is_no_json_is_400(signed_in, body):
    answer = signed_in("viewer").post("/api/probe/staff", body, content_type="application/json")
    assert error_of(answer, 400)["code"] == "parse_error"


def test_a_body_is_read_whatever_charset_it_claims(signed_in):
    kind = "application/json; charset=no-such-charset"
    answer = signed_in("viewer").post("/api/probe/staff", b'{"a": "\xc3\xa4"}', content_type=kind)
    assert answer.json() == {"a": "ä"}


def test_too_long_a_body_is_refused(signed_in, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = signed_in("viewer").post(
        "/api/probe/staff", b'"' + b"x" * 1000 + b'"', content_type="application/json"
    )
    assert error_of(answer, 400)["code"] == "bad_request"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json;indent=99999999", 200),
        ("", 406),
        ("nonsense", 406),
        (";;", 406),
    ],
)
def test_any_accept_header_is_answered(api, accept, status):
    assert api.get("/api/probe/public", HTTP_ACCEPT=accept).status_code == status


def test_a_host_that_is_not_ours_is_400(api):
    error_of(api.get("/api/probe/public", HTTP_HOST="evil.example"), 400)


def test_pages_outside_of_the_api_answer_html(api):
    response = api.get("/no/such/page")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.usefixtures("postgres_away")
class TestWithoutPostgres:
    pytestmark = pytest.mark.django_db(transaction=True)

    def test_the_api_is_unavailable(self, api):
        response = api.get("/api/probe/database")
        assert error_of(response, 503)["code"] == "unavailable"
        assert response["Retry-After"] == "5"

    def test_a_signed_in_reader_is_told_the_same(self, api):
        response = api.get("/api/probe/staff", HTTP_AUTHORIZATION="Bearer something")
        assert error_of(response, 503)["code"] == "unavailable"

    def test_a_session_is_told_the_same_on_the_browsable_page(self, api):
        api.cookies["sessionid"] = "x" * 32
        response = api.get("/api/probe/staff", HTTP_ACCEPT="text/html")
        assert response.status_code == 503
        assert b"unavailable" in response.content

    def test_a_page_is_unavailable(self, api):
        response = api.get("/probe/page")
        assert response.status_code == 503
        assert b"Back in a moment" in response.content

    def test_what_needs_no_database_goes_on(self, api):
        assert api.get("/api/probe/public").json()["hours"] == 24


@pytest.mark.usefixtures("redis_away")
def test_without_redis_what_needs_it_is_unavailable(api):
    assert error_of(api.get("/api/probe/redis"), 503)["code"] == "unavailable"
