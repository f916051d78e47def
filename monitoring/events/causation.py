"""The event in whose handler this code runs: the cause of what it publishes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[int | None] = ContextVar("causation_id", default=None)


def current() -> int | None:
    """The id of the event at hand, or None outside of any handler."""
    return _current.get()


@contextmanager
def use(event_id: int) -> Iterator[None]:
    """Name an event as the cause of what the enclosed block publishes."""
    token = _current.set(event_id)
    try:
        yield
    finally:
        _current.reset(token)
