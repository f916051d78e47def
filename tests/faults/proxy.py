"""A TCP proxy in front of PostgreSQL that can become a black hole."""

import selectors
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from vatsim_site.embedded import ports

_PIECE = 2**16


class Proxy:
    """Forwards a port of 127.0.0.1 to a Unix socket, from entering to leaving a `with` block.

    As a black hole it goes on accepting and reading, and throws everything away, so connections of
    that time wait for good, even when it forwards again. An end of one arrives then.
    """

    def __init__(self) -> None:
        self.target = Path()
        self.port = ports.choose_free()
        self.is_black_hole = False
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._ended: list[socket.socket] = []  # while it was a black hole
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        for each in (self._listener, *self._peers):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._is_over.is_set():
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._peers:  # its peer may have ended a moment ago
                    self._pass_on(key.fileobj)
            if not self.is_black_hole:
                self._end_late()

    def _accept(self) -> None:
        client = self._listener.accept()[0]
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.target))
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        try:
            piece = source.recv(_PIECE)
            if piece and not self.is_black_hole:
                self._peers[source].sendall(piece)
        except OSError:
            piece = b""
        if piece:
            return
        if self.is_black_hole:
            self._selector.unregister(source)
            self._ended.append(source)
        else:
            self._end(source)

    def _end_late(self) -> None:
        for source in self._ended:
            if source in self._peers:
                self._end(source)
        self._ended = []

    def _end(self, source: socket.socket) -> None:
        for each in (source, self._peers[source]):
            del self._peers[each]
            with suppress(KeyError):  # ended while it was a black hole
                self._selector.unregister(each)
            each.close()
