"""Events as they leave the system: CloudEvents 1.0 in JSON.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from datetime import UTC
from typing import Any

import msgspec

from monitoring.events.signals import StoredEvent

MEDIA_TYPE = "application/cloudevents+json"
TYPES = "net.vatsim.collection"  # reverse DNS, before a type's own name


def type_of(event: StoredEvent) -> str:
    """The type's name outside, with its version: `net.vatsim.collection.flight_created.v1`."""
    return f"{TYPES}.{event.type.lower()}.v{event.version}"


def envelope(event: StoredEvent, site: str) -> dict[str, Any]:
    """The event as JSON values; `site` is the address of this installation.

    `source` and `id` together name the event; a replay has the same, and tells by `replayid`.
    """
    time = event.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    optional = {
        "subject": event.subject,
        "correlationid": event.correlation_id,
        "causationid": "" if event.causation_id is None else str(event.causation_id),
        "replayid": "" if event.replay_id is None else str(event.replay_id),
    }
    return {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"{site.rstrip('/')}/{event.service}",
        "type": type_of(event),
        "time": time,
        "datacontenttype": "application/json",
        "data": msgspec.to_builtins(event.payload),
        # The specification knows no empty attributes.
        **{name: value for name, value in optional.items() if value},
    }
