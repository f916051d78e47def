"""Sends errors on to Sentry, where SENTRY_DSN is set: those that are kept whole, and no others."""

from typing import Any, Literal, cast

import sentry_sdk
from django.conf import settings
from sentry_sdk.types import Event, Hint

from monitoring.errors.installation import scrubber
from monitoring.errors.kinds import Severity
from monitoring.errors.records import ErrorRecord

_LEVELS: dict[Severity, Literal["info", "warning", "error", "fatal"]] = {
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "fatal",
}
# What the library itself says about itself, by which Sentry reads the event.
_ITS_OWN = frozenset(
    {"event_id", "timestamp", "platform", "level", "release", "environment", "sdk", "fingerprint"}
)
_DROPPED = ("user", "request", "modules", "server_name", "breadcrumbs")
_DEPTH = 16


def initialise() -> None:
    """Make ready to send, unless there is nowhere to.

    The library takes nothing by itself, no request, log or local variable: `report` is the one way.
    It sends nothing personal (send_default_pii is off unless switched on, which is deprecated).
    """
    if not settings.SENTRY_DSN:
        return
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        release=settings.VERSION,
        before_send=scrub_event,
        include_local_variables=False,
        default_integrations=False,
        auto_enabling_integrations=False,
        max_breadcrumbs=0,
        auto_session_tracking=False,
        traces_sample_rate=None,
        shutdown_timeout=2,
    )


def send(error: BaseException, record: ErrorRecord) -> None:
    """Send an error on, if there is somewhere to; a thread of the library does the sending."""
    if not settings.SENTRY_DSN:
        return
    kind = record.kind
    with sentry_sdk.new_scope() as scope:
        scope.fingerprint = [kind.fingerprint]
        scope.set_level(_LEVELS[kind.severity])
        scope.set_tag("category", kind.category.value)
        scope.set_tag("service", kind.service)
        scope.set_tag("operation", kind.operation)
        scope.set_tag("correlation_id", record.correlation_id)
        scope.set_context("facts", record.context)
        scope.capture_exception(error)


def scrub_event(event: Event, _hint: Hint) -> Event:
    """An event without secrets and members (`before_send`)."""
    parts: dict[str, Any] = {
        name: part if name in _ITS_OWN else scrubber().value(part, _DEPTH)
        for name, part in event.items()
        if name not in _DROPPED
    }
    return cast("Event", parts)
