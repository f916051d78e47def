"""The id that joins everything done for one request or one task."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("correlation_id", default="")
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def current() -> str:
    """The id in force, or an empty string outside of any request or task."""
    return _current.get()


def choose(offered: str) -> str:
    """The caller's own id where it is harmless in logs and headers, else a new one."""
    return offered if _SANE.fullmatch(offered) else uuid.uuid4().hex


@contextmanager
def use(correlation_id: str) -> Iterator[str]:
    """Put `correlation_id` in force for the enclosed block."""
    token = _current.set(correlation_id)
    try:
        yield correlation_id
    finally:
        _current.reset(token)
