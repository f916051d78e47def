"""Requests that leave the system: where they may go, whom they believe, when they end."""

import socket
import ssl
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3 import HTTPResponse, exceptions

from monitoring import outgoing
from monitoring.outgoing import (
    USER_AGENT,
    Errand,
    Refused,
    Request,
    Unavailable,
    hostname,
    is_inward,
    named_errors,
    resolve,
)
from tests.hostile_server import (
    FEED_TEST_PEM,
    HostileServer,
    head,
    in_turn,
    reply,
    send_then_hold,
    send_without_end,
)

LOOPBACK = frozenset({"127.0.0.1"})


def send(url: str, *trusted: str, total_s: float = 10.0, **fields) -> bytes:
    """The body of the answer to a request."""
    request = Request(url, {}, trusted_hosts=trusted or LOOPBACK, **fields)
    with Errand("test", url, lambda errand: errand.send(request, HTTPResponse.read)) as errand:
        return errand.result(time.monotonic() + total_s)


def wait_for_no_errands() -> None:
    for _ in range(500):
        if all(thread.name != "test" for thread in threading.enumerate()):
            return
        time.sleep(0.01)
    pytest.fail("a thread goes on")


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name resolve to these addresses, and numeric hosts to themselves."""
    genuine = socket.getaddrinfo

    def getaddrinfo(host: str, port: object, *args: object, **kwargs: object) -> list[object]:
        if host[0].isdigit() or ":" in host:
            return genuine(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# --- What is sent -------------------------------------------------------------------------------


def test_the_user_agent_is_the_project_in_its_version():
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    assert f"{project['name']}/{project['version']}" == USER_AGENT


def test_method_headers_and_body_are_sent():
    with HostileServer({"/hook?a=1": reply(b"heard")}) as server:
        request = Request(
            server.url("/hook?a=1"), {"X-Mark": "1"}, "POST", b"news", trusted_hosts=LOOPBACK
        )
        with Errand("test", "", lambda errand: errand.send(request, HTTPResponse.read)) as errand:
            assert errand.result(time.monotonic() + 5) == b"heard"
    sent, _, body = server.requests[0].partition("\r\n\r\n")
    lines = sent.split("\r\n")
    assert lines[0] == "POST /hook?a=1 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "X-Mark: 1", "Content-Length: 4"} <= {*lines}
    assert body == "news"


# --- When it ends -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [send_then_hold(b""), send_without_end(head(), b"x", 0.02)], ids=["silent", "slow"]
)
def test_whoever_waits_gives_up_at_the_deadline_and_the_thread_ends(answer):
    with HostileServer({"/": answer}) as server:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="timeout"):
            send(server.url("/"), total_s=0.3)
        assert time.monotonic() - started < 1
        wait_for_no_errands()


def test_a_resolver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch):
    answered = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        answered.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with HostileServer({"/": reply(b"{}")}) as server:
        with pytest.raises(Unavailable, match="timeout"):
            send(server.url("/", "feed.test"), "feed.test", total_s=0.2)
        answered.set()
        wait_for_no_errands()
    assert server.requests == []


def test_a_tls_handshake_that_hangs_times_out():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unavailable, match="timeout"):
            send(url, connect_seconds=0.2)


def test_a_pause_ends_when_nobody_waits_any_more():
    def work(errand: Errand[None]) -> None:
        errand.pause(30)
        assert errand.is_abandoned

    with Errand("test", "", work):
        pass
    wait_for_no_errands()


def test_what_the_work_raises_is_raised_where_it_is_waited_for():
    def work(errand: Errand[None]) -> None:
        raise LookupError("lost")

    with Errand("test", "", work) as errand, pytest.raises(LookupError, match="lost"):
        errand.result(time.monotonic() + 5)


def test_an_errand_may_ask_again():
    with HostileServer({"/": in_turn(reply(b"first"), reply(b"second"))}) as server:
        request = Request(server.url("/"), {}, trusted_hosts=LOOPBACK)

        def work(errand: Errand[list[bytes]]) -> list[bytes]:
            return [errand.send(request, HTTPResponse.read) for _ in range(2)]

        with Errand("test", "", work) as errand:
            assert errand.result(time.monotonic() + 5) == [b"first", b"second"]


# --- Addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",  # the same, as one number
        "0.0.0.0",  # noqa: S104 - it must be refused
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fec0::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",  # 6to4
        "[64:ff9b::a9fe:a9fe]",  # NAT64
    ],
)
def test_an_address_that_points_inward_is_refused(host: str):
    with pytest.raises(Refused, match="forbidden_address"):
        send(f"http://{host}:1/", "feed.test")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_does_not_point_inward(address: str):
    assert not is_inward(address)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://feed.test/",
        "feed.test/data",
        "//feed.test/",
        "http:///",
        "http://feed.test:99999/",
        "http://[::1/",
        "",
    ],
)
def test_only_http_and_https_are_spoken(url: str):
    with pytest.raises(Refused, match="forbidden_address"):
        send(url, "", "feed.test")


def test_a_name_that_points_inward_is_refused_unless_it_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
):
    resolving_to(monkeypatch, "127.0.0.1")
    with HostileServer({"/data": reply(b"{}")}) as server:
        url = server.url("/data", "feed.test")
        with pytest.raises(Refused, match="forbidden_address"):
            send(url, "other.test")
        assert server.requests == []
        assert send(url, "feed.test") == b"{}"
    assert f"Host: feed.test:{server.port}" in server.requests[0]


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch):
    asked = []
    genuine = socket.getaddrinfo

    def getaddrinfo(host: str, *args: object, **kwargs: object) -> list[object]:
        if host == "feed.test":
            asked.append(host)
            host = "127.0.0.1"
        return genuine(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with HostileServer({"/data": reply(b"{}")}) as server:
        send(server.url("/data", "feed.test"), "feed.test")
    assert asked == ["feed.test"]


def test_the_next_address_of_a_host_serves_where_the_first_does_not(
    monkeypatch: pytest.MonkeyPatch,
):
    resolving_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    with HostileServer({"/data": reply(b"{}")}) as server:
        assert send(server.url("/data", "feed.test"), "feed.test") == b"{}"


def test_of_the_addresses_of_a_stranger_only_the_public_ones_are_used(
    monkeypatch: pytest.MonkeyPatch,
):
    resolving_to(monkeypatch, "10.0.0.1", "8.8.8.8", "127.0.0.1")
    assert resolve("feed.test", trusted=False) == ["8.8.8.8"]


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Certificate and key of feed.test, which the system trusts."""
    path = tmp_path / "feed.pem"
    path.write_text(FEED_TEST_PEM)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    outgoing._tls.cache_clear()
    yield path
    outgoing._tls.cache_clear()


def test_tls_is_verified_for_the_name_and_not_for_the_address(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    resolving_to(monkeypatch, "127.0.0.1")
    with HostileServer({"/data": reply(b"{}")}, certificate) as server:
        assert send(server.url("/data", "feed.test"), "feed.test") == b"{}"
        assert server.server_names == ["feed.test"]
        for host in ("other.test", "127.0.0.1"):
            with pytest.raises(Unavailable, match="tls"):
                send(server.url("/data", host), host)
    assert len(server.requests) == 1


def test_a_certificate_of_nobody_known_is_not_accepted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", ssl.get_default_verify_paths().openssl_cafile)
    resolving_to(monkeypatch, "127.0.0.1")
    server = HostileServer({"/data": reply(b"{}")}, certificate)
    with server, pytest.raises(Unavailable, match="tls"):
        send(server.url("/data", "feed.test"), "feed.test")
    assert server.requests == []


def test_a_slow_body_over_tls_is_left_at_the_deadline(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    resolving_to(monkeypatch, "127.0.0.1")
    with HostileServer({"/data": send_without_end(head(), b"x", 0.02)}, certificate) as server:
        with pytest.raises(Unavailable, match="timeout"):
            send(server.url("/data", "feed.test"), "feed.test", total_s=0.3)
        wait_for_no_errands()


def test_a_host_is_named_without_port_and_brackets():
    assert hostname("HTTP://User@Feed.Test:81/x") == "feed.test"
    assert hostname("https://[::1]:81/") == "::1"


def test_an_error_names_no_object_of_the_program():
    with pytest.raises(Unavailable, match=r"^timeout: Connection to x timed out$"), named_errors():
        raise exceptions.ConnectTimeoutError(object(), "Connection to x timed out")
