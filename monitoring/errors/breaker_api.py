"""Circuit breakers on the API: how they are, and closing one."""

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import Operator, Staff
from monitoring.errors import round_trips
from monitoring.errors.breakers import BreakerStatus, breaker_states, reset
from monitoring.errors.kinds import BreakerState

TAG = "Errors and events"
INSTANT = {"type": ["string", "null"], "format": "date-time"}
BREAKER: dict[str, Any] = {
    "type": "object",
    "required": ["state", "failure_count", "last_failure_time", "last_failure_reason"],
    "properties": {
        "state": {"enum": [state.value for state in BreakerState]},
        "failure_count": {"type": "integer", "description": "Since the last success"},
        "last_failure_time": INSTANT,
        "last_failure_reason": {"type": "string"},
        "since": INSTANT | {"description": "The last change of state"},
        "opened_at": INSTANT | {"description": "Null while it is closed"},
        "retry_in_seconds": {
            "type": ["number", "null"],
            "description": "Until the next probe may go; null while it is closed",
        },
        "successful_probes": {"type": "integer", "description": "Of those that close it"},
        "recent_calls": {"type": "integer", "description": "Of about the last minute"},
        "recent_failures": {"type": "integer"},
        "round_trip_ms": {
            "type": ["number", "null"],
            "description": "Of PostgreSQL and Redis, which have no breaker; null where it failed",
        },
    },
}


class BreakersView(StrictParametersMixin):
    """Every breaker."""

    name = "Circuit breakers"
    tag = TAG
    permission_classes = (Staff,)

    @extend_schema(
        operation_id="circuit_breakers",
        responses={200: {"type": "object", "additionalProperties": BREAKER}},
    )
    def get(self, request: Request) -> Response:
        """Every breaker that was used of late, by name.

        `postgresql` and `redis` have none: they show a round trip made just now.
        """
        return Response(breaker_states() | round_trips.measure())


class ResetView(StrictParametersMixin):
    """Closing a breaker by hand."""

    name = "Reset a circuit breaker"
    tag = TAG
    permission_classes = (Operator,)

    @extend_schema(operation_id="circuit_breaker_reset", request=None, responses={200: BREAKER})
    def post(self, request: Request, name: str) -> Response:
        """Close a breaker for all processes, whatever its state; who did it is recorded."""
        try:
            reset(name, request.user)
        except LookupError as error:
            raise NotFound(str(error)) from error
        # A breaker that nobody asks meanwhile is as it was left; Redis may just have gone away.
        status: BreakerStatus | None = breaker_states().get(name)
        return Response(msgspec.structs.asdict(status) if status else {})
