"""Event types of the tests."""

from msgspec import Struct

from monitoring.events.signals import EventSignal


class Tried(Struct):
    """Something to deliver."""

    number: int


TRIED = EventSignal("TRIED", Tried, service="tests")
STUBBORN = EventSignal("STUBBORN", Tried, service="tests")
