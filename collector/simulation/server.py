"""Serves a made-up network on loopback as VATSIM serves the real one.

`/status.json` names the addresses of `/v3/vatsim-data.json` and `/v3/transceivers-data.json`, which
change every 15 s. A POST of `{"faults": ["slow=5"]}` to `/faults` sets what is broken from then on.
"""

import gzip
import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from typing import Any

import msgspec
import zstandard

from collector.simulation.faults import (
    DATA,
    TRANSCEIVERS,
    Answer,
    Fault,
    break_answer,
    parse_fault,
    shift_time,
)
from collector.simulation.network import Network

logger = logging.getLogger(__name__)

FILES = {"/v3/vatsim-data.json": DATA, "/v3/transceivers-data.json": TRANSCEIVERS}
HOST = "127.0.0.1"

_MOST_BYTES_POSTED = 65_536
_IDLE_S = 60
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=1).compress(body),
    "gzip": lambda body: gzip.compress(body, compresslevel=1, mtime=0),
}


class _Switches(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[str]


class FeedServer(ThreadingHTTPServer):
    """Listens on loopback only; `port` 0 takes a free one. End it with `shutdown` and `close`.

    `now` gives the time of which feeds are made, floored to `interval_s`.
    """

    daemon_threads = True  # a client that reads slowly does not hold up the end

    def __init__(
        self,
        network: Network,
        port: int = 0,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        interval_s: int = 15,
        faults: Iterable[Fault] = (),
    ) -> None:
        super().__init__((HOST, port), _Handler)
        self._network = network
        self._now = now
        self._interval_s = interval_s
        self._lock = Lock()  # the network is not safe for threads
        self._answer = lru_cache(maxsize=2)(self._make_answer)
        self._packed = lru_cache(maxsize=4)(self._pack)
        self.stopping = Event()
        self.set_faults(faults)

    @property
    def address(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{HOST}:{self.server_port}"

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is broken now."""
        return self._faults

    def set_faults(self, faults: Iterable[Fault]) -> None:
        """Break this from now on, and nothing else."""
        with self._lock:
            self._switched_at = self._feed_at()
            self._faults = tuple(faults)

    def answer(self, file: str, encodings: set[str]) -> tuple[Answer, str | None]:
        """The answer for a file, its body packed in one of the encodings, and in which."""
        with self._lock:
            faults = tuple(fault for fault in self._faults if fault.concerns(file))
            at = shift_time(self._feed_at(), faults, self._switched_at)
            encoding = next((name for name in _COMPRESS if name in encodings), None)
            if encoding:
                return self._packed(file, at, faults, encoding), encoding
            return self._answer(file, at, faults), None

    def status(self) -> dict[str, Any]:
        """The status file, in the form of VATSIM's."""
        addresses = {file: [self.address + path] for path, file in FILES.items()}
        return {
            "data": {
                "v3": addresses[DATA],
                "transceivers": addresses[TRANSCEIVERS],
                "servers": [],
                "servers_sweatbox": [],
                "servers_all": [],
            },
            "user": [],
            "metar": [],
        }

    def close(self) -> None:
        """Let go of the port and of answers under way."""
        self.stopping.set()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that hung up; report everything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _feed_at(self) -> datetime:
        seconds = self._now().timestamp() // self._interval_s * self._interval_s
        return datetime.fromtimestamp(seconds, UTC)

    def _make_answer(self, file: str, at: datetime, faults: tuple[Fault, ...]) -> Answer:
        make = self._network.data if file == DATA else self._network.transceivers
        return break_answer(Answer(make(at)), faults)

    def _pack(self, file: str, at: datetime, faults: tuple[Fault, ...], encoding: str) -> Answer:
        answer = self._answer(file, at, faults)
        return replace(answer, body=_COMPRESS[encoding](answer.body))


class _Handler(BaseHTTPRequestHandler):
    server: FeedServer
    protocol_version = "HTTP/1.1"
    server_version = "SIMULATED"
    sys_version = ""
    timeout = _IDLE_S

    def do_GET(self) -> None:
        if self.path in FILES:
            accepted = self.headers.get("Accept-Encoding", "").split(",")
            encodings = {word.partition(";")[0].strip() for word in accepted}
            self._send(*self.server.answer(FILES[self.path], encodings))
        elif self.path == "/status.json":
            self._send_json(self.server.status())
        elif self.path == "/faults":
            self._send_faults()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "SIMULATED: there is no such file.")

    def do_POST(self) -> None:
        # A web page elsewhere cannot send this type without asking first, and gets no answer.
        if self.path != "/faults" or self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.NOT_FOUND, "SIMULATED: post JSON to /faults.")
            return
        try:
            switches = msgspec.json.decode(self._posted(), type=_Switches)
            self.server.set_faults([parse_fault(text) for text in switches.faults])
        except ValueError as error:  # of msgspec too
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        logger.info("Faults: %s", ", ".join(map(str, self.server.faults)) or "none")
        self._send_faults()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        logger.debug(format, *args)

    def _posted(self) -> bytes:
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 <= length <= _MOST_BYTES_POSTED:
            reason = f"At most {_MOST_BYTES_POSTED} bytes, not {length}."
            raise ValueError(reason)
        return self.rfile.read(length)

    def _send_faults(self) -> None:
        self._send_json({"faults": [str(fault) for fault in self.server.faults]})

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        self.close_connection = True  # the request's body may not have been read
        self._send_json({"detail": detail}, status)

    def _send_json(self, content: dict[str, Any], status: int = HTTPStatus.OK) -> None:
        self._send(Answer(msgspec.json.encode(content), status), None)

    def _send(self, answer: Answer, encoding: str | None) -> None:
        self.server.stopping.wait(answer.delay_s)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        if answer.cut_off:
            self.close_connection = True
            answer = replace(answer, body=answer.body[: len(answer.body) // 2])
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        if answer.bytes_per_s is None:
            self.wfile.write(answer.body)
            return
        step = max(1, int(answer.bytes_per_s / 4))
        for start in range(0, len(answer.body), step):
            self.wfile.write(answer.body[start : start + step])
            if self.server.stopping.wait(step / answer.bytes_per_s):
                self.close_connection = True
                return
