"""The feed over HTTP: the one module that knows how it is fetched, and what may go wrong.

Whatever a server does, a fetch ends within its limits. Bytes are counted while they stream, and
again while they are decompressed; `monitoring.outgoing` sees to time and addresses.
"""

import random
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import msgspec
import tenacity
import zstandard
from urllib3 import HTTPResponse, exceptions
from urllib3.util import Retry

from monitoring.outgoing import (
    Errand,
    OutgoingError,
    Refused,
    Request,
    Unavailable,
    hostname,
    parse,
)

# The feed could not be had: because of a passing failure (an `Unavailable` has also a `status` of
# 429 or 5xx), or because what came is not acceptable (a `Refused` has also `redirect`, `status`,
# `too_large`, `bad_encoding`, `empty`, and `bad_directory`: not VATSIM's status file).
FeedError = OutgoingError
FeedUnavailable = Unavailable
FeedRefused = Refused

Encoding = Literal["gzip", "zstd"]

_MIB = 1 << 20
_CHUNK = 256 * 1024  # bytes asked of the socket at once
_PAUSE_SECONDS = 0.2  # at most, before the second attempt; then twice as much, and so on
_LONGEST_PAUSE_SECONDS = 2.0
_CODINGS: dict[str, Encoding | None] = {
    "": None,
    "identity": None,
    "gzip": "gzip",
    "x-gzip": "gzip",
    "zstd": "zstd",
}
# Bytes decompressed at once. zlib is told where to stop. zstd can't be, and makes up to 128 KiB out
# of 4 bytes, so that a piece of this size gives at most 32 MiB.
_PIECES: dict[str, int] = {"gzip": 64 * 1024, "zstd": 1024}
_MOST_MEMBERS = 64  # a feed is one; a million empty ones would cost nothing but CPU
_MOST_WINDOW = 8 * _MIB  # of zstd: what RFC 9659 allows


@dataclass(frozen=True)
class Limits:
    """What one fetch may cost, all its attempts together within `total_seconds`."""

    total_seconds: float = 9.0
    connect_seconds: float = 3.0  # to one address
    read_seconds: float = 5.0  # of silence
    compressed_bytes: int = 8 * _MIB
    decompressed_bytes: int = 32 * _MIB
    attempts: int = 2


@dataclass(frozen=True)
class Addresses:
    """Where the feed is; the hosts in `trusted_hosts` may point inward."""

    data: str
    transceivers: str | None
    trusted_hosts: frozenset[str]

    @classmethod
    def configured(cls, data: str, transceivers: str | None = None) -> "Addresses":
        """Addresses that the operator named, whose hosts are therefore trusted."""
        hosts = frozenset(hostname(url) for url in (data, transceivers) if url)
        return cls(data, transceivers, hosts)


@dataclass(frozen=True)
class Body:
    """A document, and the form in which it is kept: as it came, if it came compressed."""

    content: bytes
    stored: bytes
    encoding: Encoding  # of `stored`
    status: int
    seconds: float


@dataclass(frozen=True)
class Fetch:
    """Both documents of the feed, or the reason why there are no transceivers."""

    data: Body
    transceivers: Body | None
    transceivers_error: str
    seconds: float


@dataclass(frozen=True)
class Directory:
    """The addresses that VATSIM's status file lists, each as good as the other."""

    data: tuple[str, ...]
    transceivers: tuple[str, ...]
    trusted_hosts: frozenset[str] = frozenset()

    def choose(self, rng: random.Random) -> Addresses:
        """One address of each at random, as VATSIM asks."""
        transceivers = rng.choice(self.transceivers) if self.transceivers else None
        return Addresses(rng.choice(self.data), transceivers, self.trusted_hosts)


# Told of each attempt after the first: of which document, whether it succeeded, and how many
# seconds after the first one began. It is called on the download's thread.
Retried = Callable[[str, bool, float], None]


def fetch(addresses: Addresses, limits: Limits, retried: Retried | None = None) -> Fetch:
    """Fetch data and transceivers side by side, both within `limits.total_seconds`.

    Raises `FeedError` where the data fail; where the transceivers fail, only they are missing.
    """
    started = time.monotonic()
    until = started + limits.total_seconds
    with ExitStack() as downloads:

        def start(document: str, url: str) -> Errand[Body]:
            work = _Download(document, url, addresses.trusted_hosts, limits, retried)
            return downloads.enter_context(Errand("feed", url, work.run))

        data = start("feed", addresses.data)
        radios = start("transceivers", addresses.transceivers) if addresses.transceivers else None
        body = data.result(until)
        others, error = _optional(radios, until)
    return Fetch(body, others, error, time.monotonic() - started)


def read_directory(status_url: str, limits: Limits, retried: Retried | None = None) -> Directory:
    """Read VATSIM's status file, whose host is trusted, since the operator named it."""
    until = time.monotonic() + limits.total_seconds
    trusted_hosts = frozenset({hostname(status_url)})
    work = _Download("directory", status_url, trusted_hosts, limits, retried)
    with Errand("feed", status_url, work.run) as download:
        content = download.result(until).content
    try:
        listed = msgspec.json.decode(content, type=_Status).data
    except (ValueError, RecursionError) as error:
        raise FeedRefused("bad_directory", str(error)) from error
    directory = Directory(_usable(listed.v3), _usable(listed.transceivers), trusted_hosts)
    if not directory.data:
        raise FeedRefused("bad_directory", "no address of the data")
    return directory


def pack(content: bytes) -> tuple[bytes, Encoding]:
    """Compress for the buffer, as cheaply as is worth it: zstd level 1."""
    return zstandard.ZstdCompressor(level=1).compress(content), "zstd"


def unpack(stored: bytes, encoding: str, most: int) -> bytes:
    """Decompress whole gzip members or zstd frames, one after the other, to at most `most` bytes.

    Raises `FeedRefused`: `too_large`, `truncated`, or `bad_encoding`, which junk after the last
    member is too.
    """
    if encoding not in _PIECES:
        raise FeedRefused("bad_encoding", encoding)
    rest = memoryview(stored)
    # Closed, so that the traceback of an error doesn't keep the content in memory.
    with BytesIO() as content:
        for _ in range(_MOST_MEMBERS):
            rest = _unpack_member(rest, encoding, content, most)
            if not rest:
                return content.getvalue()
    raise FeedRefused("bad_encoding", "too many members")


class _Listed(msgspec.Struct):
    v3: list[str]
    transceivers: list[str] = []


class _Status(msgspec.Struct):
    """What is read of VATSIM's status.json."""

    data: _Listed


@dataclass(frozen=True)
class _Download:
    """One document to be had, within limits and with some persistence."""

    document: str
    url: str
    trusted_hosts: frozenset[str]
    limits: Limits
    retried: Retried | None

    def run(self, errand: Errand[Body]) -> Body:
        """Try until it succeeds, as often as the limits allow and somebody waits for it."""
        started = time.monotonic()
        body: Body | None = None
        for attempt in self._attempts(errand):
            with attempt:
                body = self._attempt(errand)
            if self.retried and attempt.retry_state.attempt_number > 1:
                self.retried(self.document, body is not None, time.monotonic() - started)
        assert body  # noqa: S101 - else the last attempt's error was raised
        return body

    def _attempts(self, errand: Errand[Body]) -> tenacity.Retrying:
        def is_worth_another(error: BaseException) -> bool:
            return (
                isinstance(error, FeedUnavailable)
                and not (error.status == 429 or error.retry_after)  # asked to be left alone
                and not errand.is_abandoned
            )

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_worth_another),
            stop=tenacity.stop_after_attempt(self.limits.attempts),
            wait=tenacity.wait_random_exponential(_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            sleep=errand.pause,
            reraise=True,
        )

    def _attempt(self, errand: Errand[Body]) -> Body:
        started = time.monotonic()
        status, encoding, received = errand.send(self._request(), self._read)
        content, stored, kept_as = _open(received, encoding, self.limits.decompressed_bytes)
        return Body(content, stored, kept_as, status, time.monotonic() - started)

    def _request(self) -> Request:
        return Request(
            self.url,
            headers={"Accept": "application/json", "Accept-Encoding": "zstd, gzip"},
            trusted_hosts=self.trusted_hosts,
            connect_seconds=self.limits.connect_seconds,
            read_seconds=self.limits.read_seconds,
        )

    def _read(self, response: HTTPResponse) -> tuple[int, Encoding | None, bytes]:
        encoding = _accepted_encoding(response)
        most = self.limits.compressed_bytes if encoding else self.limits.decompressed_bytes
        return response.status, encoding, _receive(response, most)


def _optional(download: Errand[Body] | None, until: float) -> tuple[Body | None, str]:
    """A body and no reason, or none and the reason."""
    if download is None:
        return None, ""
    try:
        return download.result(until), ""
    except FeedError as error:
        return None, error.reason


def _usable(urls: list[str]) -> tuple[str, ...]:
    """Those that are http or https addresses; where they lead is checked at each fetch."""
    usable = []
    for url in urls:
        with suppress(FeedRefused):
            usable.append(parse(url).url)
    return tuple(usable)


def _accepted_encoding(response: HTTPResponse) -> Encoding | None:
    """How the body of an acceptable answer is compressed, if it is."""
    status = response.status
    if status == 429 or status >= 500:
        after = _retry_after(response)
        raise FeedUnavailable("status", str(status), status=status, retry_after=after)
    if status != 200:
        raise FeedRefused("redirect" if 300 <= status < 400 else "status", str(status))
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise FeedRefused("bad_encoding", coding[:50])
    return _CODINGS[coding]


def _retry_after(response: HTTPResponse) -> float | None:
    """Seconds that the server asks to be left alone; None where it says nothing that is one."""
    with suppress(exceptions.InvalidHeader, ValueError, OverflowError):
        return Retry().get_retry_after(response)
    return None


def _receive(response: HTTPResponse, most: int) -> bytes:
    """The body as it comes over the wire, at most `most` bytes of it."""
    if (response.length_remaining or 0) > most:
        raise FeedRefused("too_large", f"{response.length_remaining} bytes announced")
    with BytesIO() as received:
        # Not read(): to http.client a chunk of -1 bytes would be all that ever comes.
        while part := response.read1(_CHUNK):
            received.write(part)
            if received.tell() > most:
                raise FeedRefused("too_large", f"over {most} bytes")
        return received.getvalue()


def _open(received: bytes, encoding: Encoding | None, most: int) -> tuple[bytes, bytes, Encoding]:
    """Return the content, and how to keep it."""
    content = unpack(received, encoding, most) if encoding and received else received
    if not content or content.isspace():
        raise FeedRefused("empty")
    return (content, received, encoding) if encoding else (content, *pack(content))


def _unpack_member(rest: memoryview, encoding: str, content: BytesIO, most: int) -> memoryview:
    """Append what the first member in `rest` holds to `content`, and return what follows it."""
    decoder, size = _decoder(encoding), _PIECES[encoding]
    for start in range(0, len(rest), size):
        piece = rest[start : start + size]
        stop = [most + 1 - content.tell()] if encoding == "gzip" else []
        try:
            part = decoder.decompress(piece, *stop)
        except (zlib.error, zstandard.ZstdError) as error:
            raise FeedRefused("bad_encoding", str(error)) from error
        if content.tell() + len(part) > most:
            del part  # which the traceback of the error would keep in memory
            raise FeedRefused("too_large", f"over {most} bytes decompressed")
        content.write(part)
        if decoder.eof:
            return rest[start + len(piece) - len(decoder.unused_data) :]
    raise FeedRefused("truncated", f"{encoding} ends early")


def _decoder(encoding: str) -> Any:
    """An object with zlib's `decompress`, `eof` and `unused_data`."""
    if encoding == "gzip":
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    return zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj()
