"""Which service and operation are at work, for the errors that happen meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any, NamedTuple


class Surroundings(NamedTuple):
    """What is at work, and what its errors should tell; a value is scrubbed only when needed."""

    service: str = ""
    operation: str = ""
    facts: Mapping[str, Any] = MappingProxyType({})


_NOTHING = Surroundings()
_current: ContextVar[Surroundings] = ContextVar("surroundings", default=_NOTHING)


def current() -> Surroundings:
    """What is at work now."""
    return _current.get()


def enter(operation: str, service: str | None, facts: Mapping[str, Any]) -> Token[Surroundings]:
    """Put an operation in force inside the one in force; `leave` takes the token."""
    outer = _current.get()
    if outer.facts:
        facts = {**outer.facts, **facts}
    return _current.set(
        Surroundings(outer.service if service is None else service, operation, facts)
    )


def leave(token: Token[Surroundings]) -> None:
    """Put in force again what was so before."""
    _current.reset(token)


@contextmanager
def within(operation: str, service: str | None = None, **facts: Any) -> Iterator[None]:
    """Put an operation in force for the enclosed block, and report nothing by itself."""
    token = enter(operation, service, facts)
    try:
        yield
    finally:
        leave(token)
