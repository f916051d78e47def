"""An event type of the tests, with nobody else's handlers."""

from collections.abc import Iterator

import msgspec
import pytest

from monitoring.events import signals
from monitoring.events.signals import EventSignal


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payload."""

    number: int
    text: str = ""


@pytest.fixture
def fact(monkeypatch) -> Iterator[EventSignal]:
    """A type that exists during one test."""
    monkeypatch.setattr(EventSignal, "types", dict(EventSignal.types))
    monkeypatch.setattr(signals, "_sources", [])
    return EventSignal("FACT", Fact, service="tests")
