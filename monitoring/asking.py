"""Asks PostgreSQL on behalf of those who may not wait for it.

No timeout of libpq ends a statement whose answer never comes as long as the other side's kernel
acknowledges what it is sent: a frozen server, or a proxy that has lost what is behind it.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TypeVar

from django.db import connection

T = TypeVar("T")

LIMIT_S = 10.0  # after which a question that nobody waits for any longer is given up


def ask(question: Callable[[], T], patience_s: float) -> T:
    """What `question` gets out of PostgreSQL, on a thread and a connection of its own.

    Raises `TimeoutError` after `patience_s`. The thread goes on then, for as long as a connection
    may take and `LIMIT_S`, so that a late answer can still have an effect.
    """
    answer: Future[T] = Future()
    threading.Thread(target=_answer, args=(question, answer), name="ask", daemon=True).start()
    return answer.result(patience_s)


def _answer(question: Callable[[], T], answer: Future[T]) -> None:
    try:
        connection.ensure_connection()
        with _cut_after(LIMIT_S):
            answer.set_result(question())
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        answer.set_exception(error)
    finally:
        connection.close()


@contextmanager
def _cut_after(seconds: float) -> Iterator[None]:
    """Cut this thread's connection if what is done with it takes longer."""
    # A descriptor of its own: after the connection's end the number may be another's.
    with socket.socket(fileno=os.dup(connection.connection.pgconn.socket)) as line:
        timer = threading.Timer(seconds, _cut, [line])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # it has just ended
        line.shutdown(socket.SHUT_RDWR)
