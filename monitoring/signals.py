"""What monitoring tells others, as event types of the bus."""

from datetime import datetime

from msgspec import Struct

from monitoring.errors.kinds import BreakerState, Category, Severity
from monitoring.events.signals import EventSignal


class ServiceChanged(Struct, frozen=True, kw_only=True):
    """A process of the site began or ended its work: `web`, `beat`, or a worker's name."""

    name: str
    host: str
    pid: int
    version: str


class HealthChecked(Struct, frozen=True, kw_only=True):
    """How each part was, by its name: `healthy`, `degraded` or `unhealthy`."""

    is_healthy: bool
    conditions: dict[str, str]
    seconds: float  # that finding out took


class ErrorOccurred(Struct, frozen=True, kw_only=True):
    """An error was kept whole; many more of its kind may only have been counted."""

    group_id: int
    occurrence_id: int
    exception_type: str
    message: str
    severity: Severity
    category: Category
    service: str
    operation: str
    is_new: bool
    is_back: bool


class BreakerChanged(Struct, frozen=True, kw_only=True):
    """A circuit breaker has another state; a probe of an event handler that failed is not told."""

    name: str
    from_state: BreakerState
    to_state: BreakerState
    reason: str
    at: datetime


SERVICE_STARTED = EventSignal("SERVICE_STARTED", ServiceChanged, service="monitoring")
SERVICE_STOPPED = EventSignal("SERVICE_STOPPED", ServiceChanged, service="monitoring")
HEALTH_CHECK = EventSignal("HEALTH_CHECK", HealthChecked, service="monitoring")
ERROR_OCCURRED = EventSignal("ERROR_OCCURRED", ErrorOccurred, service="monitoring")
CIRCUIT_BREAKER_CHANGED = EventSignal(
    "CIRCUIT_BREAKER_CHANGED", BreakerChanged, service="monitoring"
)
