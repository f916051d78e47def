import gzip
import json
import random
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import zstandard

from collector import feed
from collector.feed import (
    Addresses,
    Body,
    Directory,
    FeedError,
    FeedRefused,
    FeedUnavailable,
    Limits,
    fetch,
    pack,
    read_directory,
    unpack,
)
from monitoring.outgoing import USER_AGENT
from tests.hostile_server import (
    Answer,
    HostileServer,
    head,
    in_turn,
    reply,
    send,
    send_then_hold,
    send_then_reset,
    send_without_end,
)

CONTENT = json.dumps({"pilots": [{"cid": cid} for cid in range(2000)]}).encode()
MIB = 1 << 20
# For servers that never come to an end, and for all others.
LIMITS = Limits(
    total_seconds=0.3,
    connect_seconds=0.2,
    read_seconds=0.2,
    compressed_bytes=256 * 1024,
    decompressed_bytes=MIB,
    attempts=1,
)
PATIENT = replace(LIMITS, total_seconds=10.0, connect_seconds=5.0, read_seconds=5.0)


def get(answer: Answer, limits: Limits = PATIENT) -> Body:
    """Fetch the data from a server that gives this answer."""
    with HostileServer({"/data": answer}) as server:
        return fetch(Addresses.configured(server.url("/data")), limits).data


def refusal(answer: Answer, limits: Limits = PATIENT) -> str:
    with pytest.raises(FeedRefused) as caught:
        get(answer, limits)
    return caught.value.reason


def failure(answer: Answer, limits: Limits = PATIENT) -> FeedUnavailable:
    with pytest.raises(FeedUnavailable) as caught:
        get(answer, limits)
    return caught.value


@contextmanager
def memory_within(most: int) -> Iterator[None]:
    """Fail if more than `most` bytes were held at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


# --- A proper answer ----------------------------------------------------------------------------


def test_a_plain_body_is_kept_as_zstd():
    body = get(reply(CONTENT))
    assert body.content == CONTENT
    assert (body.encoding, body.status) == ("zstd", 200)
    assert unpack(body.stored, body.encoding, MIB) == CONTENT


@pytest.mark.parametrize(
    ("coding", "encoding", "compress"),
    [
        ("gzip", "gzip", gzip.compress),
        ("x-gzip", "gzip", gzip.compress),
        ("GZIP", "gzip", gzip.compress),
        ("zstd", "zstd", zstandard.compress),
        ("zstd", "zstd", lambda content: b"".join(stream_zstd([content]))),
    ],
)
def test_a_compressed_body_is_kept_as_it_came(
    coding: str, encoding: str, compress: Callable[[bytes], bytes]
):
    sent = compress(CONTENT)
    body = get(reply(sent, Content_Encoding=coding))
    assert (body.content, body.stored, body.encoding) == (CONTENT, sent, encoding)


def stream_zstd(parts: list[bytes]) -> Iterator[bytes]:
    """Compress without the size in the frame's head, as a server does that streams."""
    compressor = zstandard.ZstdCompressor().compressobj()
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


def test_a_chunked_body_is_put_together():
    chunks = [CONTENT[:5], CONTENT[5:9000], CONTENT[9000:]]
    wire = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert get(send(head(Transfer_Encoding="chunked") + wire)).content == CONTENT


def test_a_body_without_length_ends_with_its_connection():
    assert get(send(head() + CONTENT)).content == CONTENT


def test_the_request_says_who_asks_and_what_it_understands():
    with HostileServer({"/data?a=1": reply(b"{}")}) as server:
        fetch(Addresses.configured(server.url("/data?a=1")), PATIENT)
    lines = server.requests[0].split("\r\n")
    assert lines[0] == "GET /data?a=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert f"User-Agent: {USER_AGENT}" in lines
    assert "Accept-Encoding: zstd, gzip" in lines


# --- Too slow -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        send_then_hold(b""),
        send_then_hold(head(Content_Length="1000") + b"{"),
        send_without_end(b"", b"H", 0.02),
        send_without_end(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.02),
        send_without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
        send_without_end(head(), b"x", 0.02),
        send_without_end(head(Content_Length="1000"), b"x", 0.02),
        send_without_end(head(Transfer_Encoding="chunked"), b"1\r\nx\r\n", 0.02),
        send_without_end(head(Transfer_Encoding="chunked") + b"1\r\nx\r\n", b"0", 0.02),
        send_without_end(head(Transfer_Encoding="chunked") + b"0\r\n", b"X: x\r\n", 0.02),
    ],
    ids=[
        "silent",
        "silent body",
        "status",
        "header",
        "continue",
        "body",
        "body of a length",
        "chunks",
        "chunk size",
        "trailer",
    ],
)
def test_a_slow_server_is_left_at_the_deadline(answer: Answer):
    threads = threading.active_count()
    with HostileServer({"/data": answer}) as server:
        addresses = Addresses.configured(server.url("/data"))
        with pytest.raises(FeedUnavailable) as caught:
            fetch(addresses, LIMITS)
        assert caught.value.reason == "timeout"
        wait_until(lambda: fetching_threads() == 0)
    assert threading.active_count() == threads


def fetching_threads() -> int:
    return sum(thread.name == "feed" for thread in threading.enumerate())


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it never came true")


def test_a_resolver_that_hangs_does_not_hold_up_the_fetch(monkeypatch: pytest.MonkeyPatch):
    answered = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        answered.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with HostileServer({"/data": reply(b"{}")}) as server:
        with pytest.raises(FeedUnavailable, match="timeout"):
            fetch(Addresses.configured(server.url("/data", "feed.test")), LIMITS)
        answered.set()
        wait_until(lambda: fetching_threads() == 0)
    assert server.requests == []


# --- Too much -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        head(),
        head(Content_Encoding="gzip"),
        head(Transfer_Encoding="chunked") + b"fffffffffff\r\n",
        head(Transfer_Encoding="chunked") + b"-1\r\n",
    ],
    ids=["plain", "gzip", "one chunk", "negative chunk"],
)
def test_an_endless_body_is_stopped_while_it_streams(start: bytes):
    with memory_within(8 * MIB):
        assert refusal(send_without_end(start, b" " * 65536)) == "too_large"


def test_endless_headers_are_refused():
    assert refusal(send_without_end(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n")) == "bad_response"
    assert refusal(send_without_end(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000)) == "bad_response"


def test_an_announced_length_over_the_limit_is_not_read():
    assert refusal(send_then_hold(head(Content_Length=str(MIB + 1)))) == "too_large"
    compressed = head(Content_Length=str(256 * 1024 + 1), Content_Encoding="gzip")
    assert refusal(send_then_hold(compressed)) == "too_large"


@pytest.mark.parametrize(("coding", "most"), [("gzip", 4 * MIB), ("zstd", 36 * MIB)])
def test_a_bomb_is_stopped_with_memory_flat(coding: str, most: int):
    bomb = {"gzip": gzip_bomb, "zstd": zstd_bomb}[coding](100)
    with memory_within(most):
        assert refusal(reply(bomb, Content_Encoding=coding)) == "too_large"


def gzip_bomb(mebibytes: int) -> bytes:
    deflate = zlib.compressobj(wbits=31)
    parts = [deflate.compress(bytes(MIB)) for _ in range(mebibytes)]
    return b"".join([*parts, deflate.flush()])


def zstd_bomb(mebibytes: int) -> bytes:
    """Build the worst there is: blocks of 4 bytes that stand for 128 KiB of one byte each."""
    start = b"\x28\xb5\x2f\xfd\x00\x38"  # a window of 128 KiB, no size, no checksum
    block, last = ((128 * 1024 << 3 | 1 << 1 | is_last).to_bytes(3, "little") for is_last in (0, 1))
    return start + (block + b"x") * (8 * mebibytes - 1) + last + b"x"


def test_the_bombs_are_what_they_claim():
    assert unpack(gzip_bomb(3), "gzip", 3 * MIB) == bytes(3 * MIB)
    assert unpack(zstd_bomb(3), "zstd", 3 * MIB) == b"x" * 3 * MIB


# --- Not what it says ---------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("kept", [1, 3, 20, -1])
def test_a_truncated_compression_is_refused(compress: Callable[[bytes], bytes], kept: int):
    encoding = "gzip" if compress is gzip.compress else "zstd"
    with pytest.raises(FeedRefused, match="truncated"):
        unpack(compress(CONTENT)[:kept], encoding, MIB)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_members_one_after_the_other_are_one_body_and_junk_after_them_is_refused(
    compress: Callable[[bytes], bytes],
):
    encoding = "gzip" if compress is gzip.compress else "zstd"
    members = compress(CONTENT) + compress(b"") + compress(b" ")
    assert unpack(members, encoding, MIB) == CONTENT + b" "
    for junk in (b"junk after it", b"\0" * 512):
        with pytest.raises(FeedRefused, match="bad_encoding"):
            unpack(members + junk, encoding, MIB)
    with pytest.raises(FeedRefused, match="bad_encoding"):
        unpack(compress(b"") * 10_000, encoding, MIB)
    with pytest.raises(FeedRefused, match="too_large"):
        unpack(compress(CONTENT) * 2, encoding, 2 * len(CONTENT) - 1)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", ""])
def test_what_is_not_compressed_so_is_refused(encoding: str):
    with pytest.raises(FeedRefused, match="bad_encoding"):
        unpack(CONTENT, encoding, MIB)


def test_a_corrupted_gzip_is_refused():
    corrupted = bytearray(gzip.compress(CONTENT))
    corrupted[-6] ^= 1  # of its checksum
    assert refusal(reply(bytes(corrupted), Content_Encoding="gzip")) == "bad_encoding"


def test_a_zstd_window_that_would_take_much_memory_is_refused():
    greedy = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=greedy).compressobj()
    sent = compressor.compress(CONTENT) + compressor.flush()
    assert refusal(reply(sent, Content_Encoding="zstd")) == "bad_encoding"


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "utf-8"])
def test_an_encoding_that_was_not_asked_for_is_refused(coding: str):
    assert refusal(reply(CONTENT, Content_Encoding=coding)) == "bad_encoding"


def test_exactly_the_limit_is_accepted_and_a_byte_more_refused():
    for compress, encoding in ((gzip.compress, "gzip"), (zstandard.compress, "zstd")):
        stored = compress(CONTENT)
        assert unpack(stored, encoding, len(CONTENT)) == CONTENT
        with pytest.raises(FeedRefused, match="too_large"):
            unpack(stored, encoding, len(CONTENT) - 1)
    assert get(reply(b"x" * MIB)).content == b"x" * MIB
    assert refusal(send(head() + b"x" * (MIB + 1))) == "too_large"


@pytest.mark.parametrize(
    "answer",
    [
        reply(b""),
        reply(b" \r\n"),
        reply(b"", Content_Encoding="gzip"),
        reply(gzip.compress(b""), Content_Encoding="gzip"),
        reply(pack(b"\n")[0], Content_Encoding="zstd"),
    ],
)
def test_an_empty_body_is_refused(answer: Answer):
    assert refusal(answer) == "empty"


@pytest.mark.parametrize(
    "wire",
    [
        head(Content_Length="1000") + b"{}",
        head(Transfer_Encoding="chunked") + b"5\r\nabc",
        head(Transfer_Encoding="chunked") + b"3\r\nabc\r\nzz\r\n",
    ],
    ids=["length", "chunk", "chunk size"],
)
def test_a_body_cut_short_is_refused(wire: bytes):
    assert refusal(send(wire)) == "truncated"


@pytest.mark.parametrize("wire", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 999])
def test_what_is_not_http_is_refused(wire: bytes):
    assert refusal(send(wire)) == "bad_response"


def test_lengths_that_contradict_each_other_are_refused():
    assert refusal(send(head(Content_Length="1, 2") + b"{}")) == "bad_response"


# --- Statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_a_busy_or_broken_server_is_unavailable(status: int):
    error = failure(reply(b"later", f"{status} Later", Retry_After="17"))
    assert (error.reason, error.status, error.retry_after) == ("status", status, 17)


@pytest.mark.parametrize("asked", ["soon", "-1", "9" * 5000, "Mon, 99 Foo 9999999 25:61:61 GMT"])
def test_a_senseless_retry_after_is_as_none(asked: str):
    assert failure(reply(b"", "503 Later", Retry_After=asked)).retry_after is None


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 403, 404, 410, 418])
def test_any_other_status_is_refused(status: int):
    assert refusal(reply(b"{}", f"{status} No")) == ("redirect" if status == 304 else "status")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int):
    with HostileServer({"/there": reply(b"{}")}) as there:
        answer = reply(b"{}", f"{status} Moved", Location=there.url("/there"))
        assert refusal(answer) == "redirect"
    assert there.requests == []


# --- Attempts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passing",
    [
        reply(b"", "503 Later"),
        send_then_reset(b""),
        send_then_reset(head(Content_Length="9") + b"{"),
        send(b""),
    ],
    ids=["503", "reset", "reset in the body", "closed"],
)
def test_a_passing_failure_is_tried_again(passing: Answer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed, "_PAUSE_SECONDS", 0.001)
    limits = replace(PATIENT, attempts=2)
    assert get(in_turn(passing, reply(b"{}")), limits).content == b"{}"
    assert failure(in_turn(passing, passing, reply(b"{}")), limits).reason in ("status", "connect")


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"", "404 Not Found"),
        reply(b"", "429 Too Many Requests"),
        reply(b"", "503 Later", Retry_After="9"),
        reply(b""),
    ],
    ids=["404", "429", "503 with a wish", "empty"],
)
def test_a_refusal_and_a_server_that_asks_for_rest_are_not_tried_again(answer: Answer):
    with HostileServer({"/data": answer}) as server, pytest.raises(FeedError):
        fetch(Addresses.configured(server.url("/data")), replace(PATIENT, attempts=5))
    assert len(server.requests) == 1


def test_each_further_attempt_is_told_with_its_outcome():
    told = []

    def retried(document: str, succeeded: bool, seconds: float) -> None:
        assert 0 <= seconds < 10
        told.append((document, succeeded))

    later = reply(b"", "503 Later")
    answers = {"/data": in_turn(later, later, reply(b"{}")), "/radio": later}
    with HostileServer(answers) as server:
        addresses = Addresses.configured(server.url("/data"), server.url("/radio"))
        fetch(addresses, replace(PATIENT, attempts=3), retried)
    assert [succeeded for document, succeeded in told if document == "feed"] == [False, True]
    assert [succeeded for document, succeeded in told if document != "feed"] == [False, False]


def test_attempts_stop_at_the_deadline():
    limits = replace(PATIENT, total_seconds=0.5, attempts=1000)
    with HostileServer({"/data": reply(b"", "500 No")}) as server:
        with pytest.raises(FeedUnavailable, match="timeout"):
            fetch(Addresses.configured(server.url("/data")), limits)
        wait_until(lambda: fetching_threads() == 0)
    assert 1 < len(server.requests) < 10


def test_a_port_where_nobody_listens_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FeedUnavailable) as caught:
        fetch(Addresses.configured(f"http://127.0.0.1:{port}/"), PATIENT)
    assert caught.value.reason == "connect"


def test_a_name_that_nobody_knows_is_unavailable(monkeypatch: pytest.MonkeyPatch):
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(FeedUnavailable, match="dns"):
        fetch(Addresses.configured("http://feed.test/"), PATIENT)


# --- Data and transceivers side by side ---------------------------------------------------------


def test_both_are_fetched_side_by_side():
    met = threading.Barrier(2)

    def together(body: bytes) -> Answer:
        def answer(client: socket.socket) -> None:
            met.wait(5)  # breaks where one waits for the other
            reply(body)(client)

        return answer

    with HostileServer({"/data": together(b"{}"), "/radio": together(b"[]")}) as server:
        fetched = fetch(Addresses.configured(server.url("/data"), server.url("/radio")), PATIENT)
    assert fetched.data.content == b"{}"
    assert fetched.transceivers is not None
    assert fetched.transceivers.content == b"[]"
    assert fetched.transceivers_error == ""


@pytest.mark.parametrize(
    ("radio", "reason"),
    [
        (reply(b"", "500 No"), "status"),
        (reply(b""), "empty"),
        (send_without_end(head(), b"x", 0.02), "timeout"),
    ],
)
def test_a_failure_of_transceivers_costs_only_them(radio: Answer, reason: str):
    limits = replace(PATIENT, total_seconds=1.0)
    with HostileServer({"/data": reply(b"{}"), "/radio": radio}) as server:
        fetched = fetch(Addresses.configured(server.url("/data"), server.url("/radio")), limits)
    assert fetched.data.content == b"{}"
    assert (fetched.transceivers, fetched.transceivers_error) == (None, reason)


def test_a_forbidden_address_of_transceivers_costs_only_them():
    with HostileServer({"/data": reply(b"{}")}) as server:
        addresses = Addresses.configured(server.url("/data"))
        fetched = fetch(replace(addresses, transceivers="file:///etc/passwd"), PATIENT)
    assert fetched.transceivers_error == "forbidden_address"


def test_a_failure_of_data_does_not_wait_for_transceivers():
    with HostileServer({"/data": reply(b""), "/radio": send_then_hold(b"")}) as server:
        with pytest.raises(FeedRefused, match="empty"):
            fetch(Addresses.configured(server.url("/data"), server.url("/radio")), PATIENT)
        wait_until(lambda: fetching_threads() == 0)


def test_without_transceivers_none_are_missed():
    with HostileServer({"/data": reply(b"{}")}) as server:
        fetched = fetch(Addresses.configured(server.url("/data")), PATIENT)
    assert (fetched.transceivers, fetched.transceivers_error) == (None, "")


# --- The status file ----------------------------------------------------------------------------


def directory_of(status: object) -> Directory:
    body = status if isinstance(status, bytes) else json.dumps(status).encode()
    with HostileServer({"/status.json": reply(body)}) as server:
        return read_directory(server.url("/status.json"), PATIENT)


def test_the_status_file_lists_the_addresses():
    directory = directory_of(
        {
            "data": {
                "v3": ["https://data.test/a.json", "https://data.test/b.json"],
                "transceivers": ["https://data.test/t.json"],
                "servers": ["https://data.test/s.json"],
            },
            "user": ["https://stats.test/"],
        }
    )
    assert directory.data == ("https://data.test/a.json", "https://data.test/b.json")
    assert directory.transceivers == ("https://data.test/t.json",)


def test_one_of_each_address_is_chosen_at_random():
    directory = Directory(("http://a.test/", "http://b.test/"), ("http://c.test/",))
    rng = random.Random(1)
    chosen = [directory.choose(rng) for _ in range(50)]
    assert {addresses.data for addresses in chosen} == set(directory.data)
    assert {addresses.transceivers for addresses in chosen} == {"http://c.test/"}


def test_no_transceivers_are_chosen_where_none_are_listed():
    directory = directory_of({"data": {"v3": ["http://data.test/"]}})
    assert directory.choose(random.Random(1)).transceivers is None


def test_the_status_file_is_trusted_with_its_own_host_alone():
    with HostileServer({"/data": reply(b"{}")}) as server:
        inward = [server.url("/data"), server.url("/data", "localhost")]
        directory = directory_of({"data": {"v3": inward}})
        own, other = (replace(directory, data=(url,)).choose(random.Random(1)) for url in inward)
        assert fetch(own, PATIENT).data.content == b"{}"
        with pytest.raises(FeedRefused, match="forbidden_address"):
            fetch(other, PATIENT)


@pytest.mark.parametrize(
    "status",
    [
        b"<html>",
        b"null",
        b"\xff",
        b'{"data":{"v3":["\xff"]}}',
        b'{"x":' + b"[" * 100_000,
        [],
        {},
        {"data": []},
        {"data": {"v3": []}},
        {"data": {"v3": "https://data.test/"}},
        {"data": {"v3": [1]}},
        {"data": {"v3": ["file:///etc/passwd"]}},
    ],
)
def test_a_status_file_without_addresses_is_refused(status: object):
    with pytest.raises(FeedRefused, match="bad_directory"):
        directory_of(status)
