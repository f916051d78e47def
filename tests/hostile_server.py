"""An HTTP server on loopback that answers exactly as badly as a test tells it to."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

Answer = Callable[[socket.socket], None]

# Certificate and key of feed.test, self-signed, valid to 2120. The key guards nothing.
FEED_TEST_PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaLGHR97/261Gd85g
2SggRzjw+hIBMDZt9VFY7a7yOTahRANCAAQCzKOpOpAewko/bH8Pr+efNr0rkXmw
VzBLRqIUhBD/qrzHUAuu00HnXVHnrqoihtzznlhVWKRP2KMi6Oxa/163
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBcjCCARegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlmZWVkLnRl
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWZlZWQudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABALMo6k6kB7CSj9s
fw+v5582vSuRebBXMEtGohSEEP+qvMdQC67TQeddUeeuqiKG3POeWFVYpE/YoyLo
7Fr/XrejWDBWMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFHGGzD/eRLxBKENi
i5u9tNJe0JXPMA4GA1UdDwEB/wQEAwIChDAUBgNVHREEDTALgglmZWVkLnRlc3Qw
CgYIKoZIzj0EAwIDSQAwRgIhALUj3h65tIUBNEeiaWjfwmi+vsvUBPJxQJ1JJfGX
Z9KNAiEA4z8RrugLAWK7WOrPedC/aMQWtZ3xQvFdejwQl3GdmYo=
-----END CERTIFICATE-----
"""


def reply(body: bytes, status: str = "200 OK", **headers: str) -> Answer:
    """Answer properly; an underscore in a header's name stands for a hyphen."""
    return send(head(status, Content_Length=str(len(body)), **headers) + body)


def head(status: str = "200 OK", **headers: str) -> bytes:
    """The head of an answer, with the empty line that ends it."""
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def send(answer: bytes) -> Answer:
    """Send these bytes and close the connection."""
    return lambda client: client.sendall(answer)


def send_without_end(start: bytes, block: bytes, gap_seconds: float = 0.0) -> Answer:
    """Send `start`, then `block` again and again until the client has gone."""

    def answer(client: socket.socket) -> None:
        client.sendall(start)
        while True:
            client.sendall(block)
            time.sleep(gap_seconds)

    return answer


def send_then_hold(start: bytes) -> Answer:
    """Send `start`, then nothing more, with the connection held open."""

    def answer(client: socket.socket) -> None:
        client.sendall(start)
        client.recv(1)

    return answer


def send_then_reset(start: bytes) -> Answer:
    """Send `start`, then reset the connection."""

    def answer(client: socket.socket) -> None:
        client.sendall(start)
        time.sleep(0.02)  # a reset overtakes what it follows
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Give the first answer to the first request, and so on; the last one to all further ones."""
    left = list(answers)

    def answer(client: socket.socket) -> None:
        current = left.pop(0) if len(left) > 1 else left[0]
        current(client)

    return answer


class HostileServer:
    """Answers on 127.0.0.1, path by path, from entering to leaving a `with` block."""

    def __init__(self, answers: Mapping[str, Answer], certificate: Path | None = None) -> None:
        self.requests: list[str] = []  # head and body
        self.server_names: list[str | None] = []  # as TLS clients named them
        self._answers = answers
        self._tls = self._tls_context(certificate) if certificate else None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in (self._listener, *self._clients):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of `path`, under another name if told so."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _tls_context(self, certificate: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _, name, __: self.server_names.append(name)
        return context

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=[client]))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            with client:
                request = _read_request(client)
                if request:  # none comes from a client that has gone
                    self.requests.append(request)
                    self._answers[request.split(" ")[1]](client)


def _read_request(client: socket.socket) -> str:
    """A request with its body, if it has one; what came of it, if the client has gone."""
    request = client.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (part := client.recv(missing)):
        request += part
        missing -= len(part)
    return request.decode()
