"""What monitoring stores, a module for each subject."""

from monitoring.models.errors import (
    BreakerTransition,
    ErrorCount,
    ErrorGroup,
    ErrorOccurrence,
    RecoveryCount,
    StoredRecord,
)
from monitoring.models.events import Delivery, Event, Replay, WebhookSubscription
from monitoring.models.tasks import FailedTask
from monitoring.models.tokens import ApiToken, a_year_from_now, digest_of

__all__ = [
    "ApiToken",
    "BreakerTransition",
    "Delivery",
    "ErrorCount",
    "ErrorGroup",
    "ErrorOccurrence",
    "Event",
    "FailedTask",
    "RecoveryCount",
    "Replay",
    "StoredRecord",
    "WebhookSubscription",
    "a_year_from_now",
    "digest_of",
]
