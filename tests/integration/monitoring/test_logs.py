"""What the site logs of what it refuses and of what is away: a line each."""

import io
import logging

import pytest

from monitoring.logs import ExpectedFailures

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]


@pytest.fixture
def log():
    """What the process's own handler writes from here on."""
    [console] = [
        handler
        for handler in logging.getLogger().handlers
        if any(isinstance(each, ExpectedFailures) for each in handler.filters)
    ]
    written = io.StringIO()
    before = console.setStream(written)
    yield lambda: written.getvalue().splitlines()
    console.setStream(before)


@pytest.mark.parametrize(
    ("address", "headers", "word"),
    [
        ("/no/such/page", {}, "Not Found: /no/such/page"),
        ("/api/no/such/path", {}, "Not Found"),
        ("/api/probe/staff", {}, "Unauthorized"),
        ("/api/probe/public?hours=0", {}, "Bad Request"),
        ("/api/probe/suspicious", {}, "a secret of the server"),
        ("/api/probe/public", {"HTTP_HOST": "evil.example"}, "Invalid HTTP_HOST"),
    ],
)
def test_a_refusal_is_one_line(api, log, address, headers, word):
    api.get(address, **headers)
    [line] = log()
    assert word in line


def test_an_error_of_our_own_keeps_its_traceback(api, log):
    api.get("/api/probe/fails")
    assert any(line.startswith("Traceback") for line in log())
    assert any("RuntimeError: a secret of the server" in line for line in log())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("postgres_away")
@pytest.mark.parametrize("address", ["/probe/page", "/api/probe/database"])
def test_a_page_without_postgres_is_one_line(api, log, address):
    api.get(address)
    [line] = [line for line in log() if "ERROR" in line]
    assert "Service Unavailable" in line
    assert not any("Traceback" in line for line in log())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("postgres_away")
def test_a_failed_health_check_is_a_line_with_its_cause(api, log):
    assert api.get("/health/?format=json").status_code == 500
    checks = [line for line in log() if "Health check" in line]
    assert len(checks) == 2  # the database and its migrations
    assert all("refused" in line for line in checks)
    assert not any("Traceback" in line for line in log())
