"""An event type of the tests, with nobody else's handlers."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from django.db import transaction

from monitoring.errors import reporting
from monitoring.events import signals
from monitoring.events.delivery import breaker_of
from monitoring.events.publishing import NewEvent, publish_many
from monitoring.events.signals import EventSignal

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payload."""

    number: int
    text: str = ""


@pytest.fixture
def fact(monkeypatch) -> EventSignal:
    """A type that exists during one test."""
    monkeypatch.setattr(EventSignal, "types", dict(EventSignal.types))
    monkeypatch.setattr(signals, "_sources", [])
    return EventSignal("FACT", Fact, service="tests")


@pytest.fixture
def publish(fact):
    """Publish so many events, and return their ids."""

    def publish(count: int = 1, **options) -> list[int]:
        with transaction.atomic():
            return publish_many([NewEvent(fact, Fact(n), AT, **options) for n in range(count)])

    return publish


@pytest.fixture(autouse=True)
def _undisturbed(fresh_breakers) -> Iterator[None]:
    """No breaker and no error of another test is left."""
    breaker_of.cache_clear()
    yield
    assert reporting.flush(5)
