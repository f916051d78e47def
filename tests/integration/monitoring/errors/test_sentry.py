"""Errors reach Sentry, and bring no secrets along."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import sentry_sdk

from monitoring.errors import installation, reporting, sentry
from monitoring.errors.reporting import guarded

KEY = "0123456789abcdef0123456789abcdef"


class Host:
    """What a Sentry of the tests was sent."""

    def __init__(self) -> None:
        self.envelopes: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                host.envelopes.append(body.decode())
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"http://{KEY}@127.0.0.1:{self.server.server_port}/42"

    def events(self) -> list[dict]:
        items = [line for each in self.envelopes for line in each.splitlines()[1:]]
        parsed = map(json.loads, items)
        return [each for each in parsed if "exception" in each]


@pytest.fixture
def host(settings) -> Iterator[Host]:
    host = Host()
    settings.SENTRY_DSN = host.dsn
    settings.SENTRY_ENVIRONMENT = "tests"
    installation.scrubber.cache_clear()
    sentry.initialise()
    yield host
    sentry_sdk.get_client().close(timeout=2)
    sentry_sdk.get_global_scope().set_client(None)
    host.server.shutdown()
    host.server.server_close()
    installation.scrubber.cache_clear()


def fail(settings) -> None:
    local_variable = "a local that nobody sees"
    raise ValueError(
        f"pilot cid=1234567 name='Jane Doe' {settings.SECRET_KEY} "
        f"postgresql://me:hunter2@db {len(local_variable)}"
    )


def test_an_error_arrives_with_what_is_known_and_without_secrets(host, settings, reported) -> None:
    with (
        pytest.raises(ValueError, match="pilot"),
        guarded("poll", service="collector", token="hunter3", nested={"password": "hunter4"}),
    ):
        fail(settings)
    assert reporting.flush(5)
    sentry_sdk.flush(5)
    (event,) = host.events()
    assert event["environment"] == "tests"
    assert event["tags"]["service"] == "collector"
    assert event["tags"]["operation"] == "poll"
    assert event["level"] == "error"
    assert event["exception"]["values"][0]["type"] == "ValueError"
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "fail"
    assert "vars" not in frames[-1]
    everything = "".join(host.envelopes).replace(f'"public_key":"{KEY}"', "")
    for secret in ("hunter", "Jane", "1234567", settings.SECRET_KEY, "a local that"):
        assert secret not in everything.replace('local_variable = "a local that', ""), secret


def test_a_storm_sends_no_more_than_is_kept(host, settings, reported) -> None:
    for _ in range(200):
        with pytest.raises(ValueError, match="pilot"), guarded("poll"):
            fail(settings)
    sentry_sdk.flush(5)
    assert len(host.events()) == 20


def test_without_an_address_nothing_is_set_up(settings) -> None:
    settings.SENTRY_DSN = ""
    sentry.initialise()
    assert not sentry_sdk.get_client().is_active()
