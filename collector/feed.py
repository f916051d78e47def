"""HTTP towards VATSIM: the one module that knows how the feed is fetched, and what may go wrong.

Whatever a server does, a fetch ends within its limits. Bytes are counted while they stream, and
again while they are decompressed. Each download runs on a thread of its own; whoever waits for it
gives up at a wall-clock deadline and cuts its connection, since no timeout of a socket ends a
server that sends a byte a second, and none ends a resolver that hangs.

Addresses that point inward (loopback, private, link-local, ...) are refused, unless the operator
named their host. The address that was checked is the one connected to, so a name that resolves
differently the second time gains nothing. Redirects are not followed, and no proxy is used, for it
would resolve the name by itself.
"""

import ipaddress
import random
import socket
import ssl
import threading
import time
import traceback
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, IncompleteRead
from io import BytesIO
from typing import Any, Literal

import msgspec
import zstandard
from urllib3 import HTTPResponse, exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection, port_by_scheme
from urllib3.util import Retry, Url, parse_url

Encoding = Literal["gzip", "zstd"]

USER_AGENT = "vatsim-data-collection/0.1.0"  # name and version of the project; VATSIM wants one

_MIB = 1 << 20
_CHUNK = 256 * 1024  # bytes asked of the socket at once
_PAUSE_SECONDS = 0.2  # between two attempts
_MOST_ADDRESSES = 4  # tried of one host
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
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class FeedError(Exception):
    """The feed could not be had; `reason` is a short slug to count by."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class FeedUnavailable(FeedError):
    """A passing failure: `dns`, `connect`, `tls`, `timeout`, or a `status` of 429 or 5xx."""

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.status = status
        self.retry_after = retry_after  # s, as the server asked


class FeedRefused(FeedError):
    """What came is not acceptable, or where it would have come from.

    `forbidden_address`, `redirect`, `status`, `bad_response` (not HTTP), `too_large`, `truncated`,
    `bad_encoding`, `empty`, `bad_directory` (not VATSIM's status file).
    """


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


def fetch(addresses: Addresses, limits: Limits) -> Fetch:
    """Fetch data and transceivers side by side, both within `limits.total_seconds`.

    Raises `FeedError` where the data fail; where the transceivers fail, only they are missing.
    """
    started = time.monotonic()
    until = started + limits.total_seconds
    with ExitStack() as downloads:

        def start(url: str) -> _Download:
            return downloads.enter_context(_Download(url, addresses.trusted_hosts, limits))

        data = start(addresses.data)
        transceivers = start(addresses.transceivers) if addresses.transceivers else None
        body = data.body(until)
        others, error = _optional(transceivers, until)
    return Fetch(body, others, error, time.monotonic() - started)


def read_directory(status_url: str, limits: Limits) -> Directory:
    """Read VATSIM's status file, whose host is trusted, since the operator named it."""
    until = time.monotonic() + limits.total_seconds
    trusted_hosts = frozenset({hostname(status_url)})
    with _Download(status_url, trusted_hosts, limits) as download:
        content = download.body(until).content
    try:
        listed = msgspec.json.decode(content, type=_Status).data
    except (ValueError, RecursionError) as error:
        raise FeedRefused("bad_directory", str(error)) from error
    directory = Directory(_usable(listed.v3), _usable(listed.transceivers), trusted_hosts)
    if not directory.data:
        raise FeedRefused("bad_directory", "no address of the data")
    return directory


def hostname(url: str) -> str:
    """The host of an http or https address: lower case, no port, no brackets."""
    return _host(_parse(url))


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


class _Download:
    """One document on its way, on a thread of its own that can be abandoned at any moment."""

    def __init__(self, url: str, trusted_hosts: frozenset[str], limits: Limits) -> None:
        self._url = url
        self._trusted_hosts = trusted_hosts
        self._limits = limits
        self._body: Future[Body] = Future()
        self._abandoned = threading.Event()
        self._socket: socket.socket | None = None
        # A daemon, since a resolver that hangs must not hold up the end of the process.
        threading.Thread(target=self._run, name="feed", daemon=True).start()

    def __enter__(self) -> "_Download":
        return self

    def __exit__(self, *_: object) -> None:
        """Abandon the download, unless it is done: with its connection cut, its thread ends."""
        if self._body.done():
            return
        self._abandoned.set()
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes TLS away from under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def body(self, until: float) -> Body:
        """The document, waited for until the monotonic clock shows `until`."""
        try:
            return self._body.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise FeedUnavailable("timeout", f"{self._url} took too long") from None

    def _run(self) -> None:
        try:
            self._body.set_result(self._persist(_parse(self._url)))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._body.set_exception(error)

    def _persist(self, url: Url) -> Body:
        for _ in range(self._limits.attempts - 1):
            try:
                return self._attempt(url)
            except FeedUnavailable as error:
                if error.status == 429 or error.retry_after:  # asked to be left alone
                    raise
            self._abandoned.wait(_PAUSE_SECONDS)
        return self._attempt(url)

    def _attempt(self, url: Url) -> Body:
        started = time.monotonic()
        with (
            _named_errors(),
            closing(self._connect(url)) as connection,
            closing(_ask(connection, url, self._limits.read_seconds)) as response,
        ):
            encoding = _accepted_encoding(response)
            received = _receive(response, self._most(encoding))
        content, stored, encoding = _open(received, encoding, self._limits.decompressed_bytes)
        return Body(content, stored, encoding, response.status, time.monotonic() - started)

    def _most(self, encoding: Encoding | None) -> int:
        return self._limits.compressed_bytes if encoding else self._limits.decompressed_bytes

    def _connect(self, url: Url) -> HTTPConnection:
        """Connect to the first allowed address of the host that answers."""
        *others, last = _resolve(_host(url), _host(url) in self._trusted_hosts)
        for address in others:
            with suppress(FeedUnavailable):
                return self._connect_to(url, address)
        return self._connect_to(url, last)

    def _connect_to(self, url: Url, address: str) -> HTTPConnection:
        self._require_wanted()
        connection = _connection(url, address, self._limits.connect_seconds)
        try:
            with _named_errors():
                connection.connect()
            # In this order: who abandons sets the flag first and looks for the socket then.
            self._socket = connection.sock
            self._require_wanted()
        except FeedError:
            connection.close()
            raise
        return connection

    def _require_wanted(self) -> None:
        if self._abandoned.is_set():
            raise FeedUnavailable("timeout", "abandoned")


def _optional(download: _Download | None, until: float) -> tuple[Body | None, str]:
    """A body and no reason, or none and the reason."""
    if download is None:
        return None, ""
    try:
        return download.body(until), ""
    except FeedError as error:
        return None, error.reason


def _parse(url: str) -> Url:
    try:
        parsed = parse_url(url)
    except exceptions.LocationParseError as error:
        raise FeedRefused("forbidden_address", str(error)) from error
    if parsed.scheme not in port_by_scheme or not parsed.host:
        raise FeedRefused("forbidden_address", f"{url!r} is not an http or https address")
    return parsed


def _host(url: Url) -> str:
    return (url.host or "").strip("[]")


def _usable(urls: list[str]) -> tuple[str, ...]:
    """Those that are http or https addresses; where they lead is checked at each fetch."""
    usable = []
    for url in urls:
        with suppress(FeedRefused):
            usable.append(_parse(url).url)
    return tuple(usable)


def _resolve(host: str, trusted: bool) -> list[str]:
    """The host's IP addresses, without those that point inward unless it is trusted."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter: a label that is no host name
        raise FeedUnavailable("dns", f"{host}: {error}") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    allowed = [address for address in addresses if trusted or not _is_inward(address)]
    if not allowed:
        raise FeedRefused("forbidden_address", f"{host} points inward")
    return allowed[:_MOST_ADDRESSES]


def _is_inward(text: str) -> bool:
    """Whether an address is anything but public and unicast, also inside an IPv6 form of IPv4."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if embedded is None and address not in _UNICAST:
            return True
        address = embedded or address
    return not address.is_global or address.is_multicast


def _connection(url: Url, address: str, connect_seconds: float) -> HTTPConnection:
    """A connection to `address` that speaks, and verifies TLS, as one to the address's host."""
    port = url.port or port_by_scheme[url.scheme or ""]
    if url.scheme == "http":
        return HTTPConnection(address, port, timeout=connect_seconds)
    return HTTPSConnection(
        address, port, timeout=connect_seconds, server_hostname=_host(url), ssl_context=_tls()
    )


@cache
def _tls() -> ssl.SSLContext:
    """Verification by the system's authorities, kept because loading them costs 26 ms."""
    return ssl.create_default_context()


def _ask(connection: HTTPConnection, url: Url, read_seconds: float) -> HTTPResponse:
    """Send the request and read the answer's head."""
    connection.timeout = read_seconds
    headers = {
        "Host": url.netloc or "",
        "User-Agent": USER_AGENT,
        "Accept": "application/json",
        "Accept-Encoding": "zstd, gzip",
        "Connection": "close",
    }
    target = url.request_uri
    connection.request("GET", target, headers=headers, preload_content=False, decode_content=False)
    return connection.getresponse()


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


@contextmanager
def _named_errors() -> Iterator[None]:
    """Raise what urllib3, http.client and sockets raise as a `FeedError`."""
    try:
        yield
    except (exceptions.HTTPError, HTTPException, OSError) as error:
        # An answer that urllib3 refused half made would hold its socket until a garbage collection.
        traceback.clear_frames(error.__traceback__)
        raise _named(error) from error


def _named(error: BaseException) -> FeedError:
    if isinstance(error, exceptions.ProtocolError) and error.__cause__:
        error = error.__cause__
    match error:
        case exceptions.NewConnectionError():  # which to urllib3 is a timeout, too
            return FeedUnavailable("connect", str(error))
        case TimeoutError() | exceptions.TimeoutError():
            return FeedUnavailable("timeout", str(error))
        case ssl.SSLError() | exceptions.SSLError():
            return FeedUnavailable("tls", str(error))
        case OSError():
            return FeedUnavailable("connect", str(error))
        case IncompleteRead():
            return FeedRefused("truncated", str(error))
        case _:
            return FeedRefused("bad_response", str(error))
