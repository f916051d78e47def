"""HTTP towards others: whatever a server does, a request ends within its limits.

Requests run on a thread of their own; whoever waits for it gives up at a wall-clock deadline and
cuts its connection, since no timeout of a socket ends a server that sends a byte a second, and none
ends a resolver that hangs. What is read of an answer is bounded by the reader.

Addresses that point inward (loopback, private, link-local, ...) are refused, unless the operator
named their host. The address that was checked is the one connected to, so a name that resolves
differently the second time gains nothing. Redirects are not followed, and no proxy is used, for it
would resolve the name by itself.
"""

import ipaddress
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, IncompleteRead
from typing import Generic, Self, TypeVar

from urllib3 import HTTPResponse, exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection, port_by_scheme
from urllib3.util import Url, parse_url

USER_AGENT = "vatsim-data-collection/0.1.0"  # name and version of the project

_MOST_ADDRESSES = 4  # tried of one host
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
T = TypeVar("T")
A = TypeVar("A")


class OutgoingError(Exception):
    """A request failed; `reason` is a short slug to count by."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Unavailable(OutgoingError):
    """A passing failure: `dns`, `connect`, `tls`, `timeout`, or a `status` that passes."""

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


class Refused(OutgoingError):
    """What came is not acceptable, or where it would have come from.

    Here: `forbidden_address`, `truncated`, `bad_response` (not HTTP); who reads adds others.
    """


@dataclass(frozen=True)
class Request:
    """What is sent, and how long its parts may take; its host may point inward if trusted."""

    url: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: bytes | None = None
    trusted_hosts: Collection[str] = frozenset()
    connect_seconds: float = 3.0  # to one address
    read_seconds: float = 5.0  # of silence


class Errand(Generic[T]):
    """Work that makes requests, on a thread of its own that can be abandoned at any moment."""

    def __init__(self, name: str, subject: str, work: "Callable[[Errand[T]], T]") -> None:
        """Begin `work` at once; `subject` is what an error is about, `name` the thread's."""
        self._subject = subject
        self._work = work
        self._result: Future[T] = Future()
        self._abandoned = threading.Event()
        self._socket: socket.socket | None = None
        # A daemon, since a resolver that hangs must not hold up the end of the process.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Abandon the work, unless it is done: with its connection cut, its thread ends."""
        if self._result.done():
            return
        self._abandoned.set()
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes TLS away from under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def result(self, until: float) -> T:
        """What the work returns or raises, waited for until the monotonic clock shows `until`."""
        try:
            return self._result.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise Unavailable("timeout", f"{self._subject} took too long") from None

    # --- For the work itself ---

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody waits any more."""
        return self._abandoned.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than somebody waits for this."""
        self._abandoned.wait(seconds)

    def send(self, request: Request, read: Callable[[HTTPResponse], A]) -> A:
        """What `read` makes of the answer, whose head has come when it is called."""
        url = parse(request.url)
        with (
            named_errors(),
            closing(self._connect(url, request)) as connection,
            closing(_ask(connection, url, request)) as response,
        ):
            return read(response)

    def _run(self) -> None:
        try:
            self._result.set_result(self._work(self))
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._result.set_exception(error)

    def _connect(self, url: Url, request: Request) -> HTTPConnection:
        """Connect to the first allowed address of the host that answers."""
        *others, last = resolve(_host(url), _host(url) in request.trusted_hosts)
        for address in others:
            with suppress(Unavailable):
                return self._connect_to(url, address, request.connect_seconds)
        return self._connect_to(url, last, request.connect_seconds)

    def _connect_to(self, url: Url, address: str, connect_seconds: float) -> HTTPConnection:
        self._require_wanted()
        connection = _connection(url, address, connect_seconds)
        try:
            with named_errors():
                connection.connect()
            # In this order: who abandons sets the flag first and looks for the socket then.
            self._socket = connection.sock
            self._require_wanted()
        except OutgoingError:
            connection.close()
            raise
        return connection

    def _require_wanted(self) -> None:
        if self.is_abandoned:
            raise Unavailable("timeout", "abandoned")


def hostname(url: str) -> str:
    """The host of an http or https address: lower case, no port, no brackets."""
    return _host(parse(url))


def parse(url: str) -> Url:
    """The parts of an http or https address; raises `Refused` for any other."""
    try:
        parsed = parse_url(url)
    except exceptions.LocationParseError as error:
        raise Refused("forbidden_address", str(error)) from error
    if parsed.scheme not in port_by_scheme or not parsed.host:
        raise Refused("forbidden_address", f"{url!r} is not an http or https address")
    return parsed


def resolve(host: str, trusted: bool) -> list[str]:
    """The host's IP addresses, without those that point inward unless it is trusted."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter: a label that is no host name
        raise Unavailable("dns", f"{host}: {error}") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    allowed = [address for address in addresses if trusted or not is_inward(address)]
    if not allowed:
        raise Refused("forbidden_address", f"{host} points inward")
    return allowed[:_MOST_ADDRESSES]


def is_inward(text: str) -> bool:
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


@contextmanager
def named_errors() -> Iterator[None]:
    """Raise what urllib3, http.client and sockets raise as an `OutgoingError`."""
    try:
        yield
    except (exceptions.HTTPError, HTTPException, OSError) as error:
        # An answer that urllib3 refused half made would hold its socket until a garbage collection.
        traceback.clear_frames(error.__traceback__)
        raise _named(error) from error


def _host(url: Url) -> str:
    return (url.host or "").strip("[]")


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


def _ask(connection: HTTPConnection, url: Url, request: Request) -> HTTPResponse:
    """Send the request and read the answer's head."""
    connection.timeout = request.read_seconds
    connection.request(
        request.method,
        url.request_uri,
        body=request.body,
        headers={
            "Host": url.netloc or "",
            "User-Agent": USER_AGENT,
            **request.headers,
            "Connection": "close",
        },
        preload_content=False,
        decode_content=False,
    )
    return connection.getresponse()


def _named(error: BaseException) -> OutgoingError:
    if isinstance(error, exceptions.ProtocolError) and error.__cause__:
        error = error.__cause__
    said = _said(error)
    match error:
        case exceptions.NewConnectionError():  # which to urllib3 is a timeout, too
            return Unavailable("connect", said)
        case TimeoutError() | exceptions.TimeoutError():
            return Unavailable("timeout", said)
        case ssl.SSLError() | exceptions.SSLError():
            return Unavailable("tls", said)
        case OSError():
            return Unavailable("connect", said)
        case IncompleteRead():
            return Refused("truncated", said)
        case _:
            return Refused("bad_response", said)


def _said(error: BaseException) -> str:
    """The words of an error, without the object that urllib3 puts before them."""
    last = error.args[-1] if error.args else None
    return last if isinstance(error, exceptions.HTTPError) and isinstance(last, str) else str(error)
