"""Django signals as an event bus.

An event type is an `EventSignal` that the app owning the fact declares in its `signals.py`.
Sending it writes the event, and one delivery for each connected handler, in the transaction of
the fact (`publishing.py`); a task then calls each handler by itself (`delivery.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.dispatch import Signal

from monitoring.events.payloads import PayloadType, UnknownEventType


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as its handlers get it.

    `key` names this delivery: the same for each attempt, another one for each replay. What
    reaches outside sends it along, so that who gets it twice can tell.
    """

    id: int
    type: str
    version: int
    service: str
    subject: str
    occurred_at: datetime
    payload: Any  # of the signal's payload type
    correlation_id: str
    causation_id: int | None
    key: str = ""
    replay_id: int | None = None

    @property
    def is_replay(self) -> bool:
        """Whether somebody asked for it to be delivered again."""
        return self.replay_id is not None


Receiver = Callable[[StoredEvent], object]


@dataclass(frozen=True, slots=True)
class Handler:
    """A receiver that events are delivered to.

    One that writes to the database runs in the transaction that marks the delivery as done, and
    so has its effect once. One that reaches `outside` runs in none, and at least once.
    """

    name: str  # stored with each delivery, so it outlives restarts and must not change
    receiver: Receiver
    timeout_s: float = field(default_factory=lambda: settings.EVENT_BUS_HANDLER_TIMEOUT)
    outside: bool = False


# Gives the handlers of a type that are known only while running, such as webhooks.
Source = Callable[[str], Iterable[Handler]]


class EventSignal(Signal):
    """One type of event: its payload is a msgspec Struct, which validates it."""

    types: ClassVar[dict[str, "EventSignal"]] = {}

    def __init__(
        self, name: str, payload: type[msgspec.Struct], *, service: str, version: int = 1
    ) -> None:
        super().__init__()
        if name in self.types:
            raise ValueError(f"There is an event type {name} already.")
        self.name = name
        self.payload = PayloadType(payload)
        self.service = service
        self.version = version
        self.handlers: dict[str, Handler] = {}
        self.types[name] = self

    def __repr__(self) -> str:
        return f"<EventSignal {self.name}>"

    def connect(  # type: ignore[override] # a name instead of a sender
        self, receiver: Receiver, *, name: str, **options: Any
    ) -> None:
        """Deliver each event from now on to `receiver`, as the `Handler` of that name.

        As with Django's `dispatch_uid`, a name that is connected already stays as it is.
        `@receiver(SIGNAL, name=…)` does the same.
        """
        self.handlers.setdefault(name, Handler(name, receiver, **options))

    def disconnect(self, *, name: str) -> bool:  # type: ignore[override]
        """Forget a handler; whether there was one."""
        return self.handlers.pop(name, None) is not None

    def has_listeners(self, sender: Any = None) -> bool:
        """Whether an event of this type would be delivered to anybody."""
        return any(True for _ in self.all_handlers())

    def all_handlers(self) -> Iterator[Handler]:
        """Those connected, and those that the sources know now."""
        yield from self.handlers.values()
        for source in _sources:
            yield from source(self.name)

    def publish(
        self,
        payload: Any,
        *,
        occurred_at: datetime,
        subject: str = "",
        correlation_id: str | None = None,
        causation_id: int | None = None,
    ) -> int:
        """Write an event and its deliveries in the current transaction; the event's id.

        Raises `TransactionManagementError` outside of one, and `InvalidPayload`.
        """
        from monitoring.events.publishing import NewEvent, publish

        return publish(NewEvent(self, payload, occurred_at, subject, correlation_id, causation_id))

    def send(  # type: ignore[override] # the event's id instead of what receivers answer later
        self, sender: Any = None, *, payload: Any, occurred_at: datetime, **options: Any
    ) -> int:
        """`publish` under Django's name; who sends does not matter."""
        return self.publish(payload, occurred_at=occurred_at, **options)


_sources: list[Source] = []


def register_source(source: Source) -> Source:
    """Have `source` asked for further handlers, once for a type and transaction."""
    if source not in _sources:
        _sources.append(source)
    return source


def signal_of(type_name: str) -> EventSignal:
    """The signal of a type; raises `UnknownEventType`."""
    try:
        return EventSignal.types[type_name]
    except KeyError:
        known = ", ".join(sorted(EventSignal.types))
        raise UnknownEventType(
            f"There is no event type {type_name!r:.60}; there are {known}."
        ) from None


def find_handler(type_name: str, handler_name: str) -> Handler | None:
    """The handler of that name that receives events of that type."""
    handlers = signal_of(type_name).all_handlers()
    return next((handler for handler in handlers if handler.name == handler_name), None)


def all_handlers() -> dict[str, Handler]:
    """Every handler there is now, by its name."""
    return {
        handler.name: handler
        for signal in EventSignal.types.values()
        for handler in signal.all_handlers()
    }
