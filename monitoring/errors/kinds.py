"""The words in which errors are described."""

from enum import StrEnum


class Severity(StrEnum):
    """How bad an error is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Category(StrEnum):
    """What kind of thing failed."""

    NETWORK = "network"
    DATABASE = "database"
    API = "api"
    VALIDATION = "validation"
    CONFIGURATION = "configuration"
    RESOURCE = "resource"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"


class Strategy(StrEnum):
    """How code recovers from a failure."""

    RETRY = "retry"
    CIRCUIT_BREAKER = "circuit_breaker"
    FALLBACK = "fallback"
    SKIP = "skip"
    RESTART = "restart"


class BreakerState(StrEnum):
    """What a circuit breaker lets through: everything, nothing, one probe at a time."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
