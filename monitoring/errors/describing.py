"""What is kept of an error: scrubbed, bounded, and sent to Sentry where that is set up."""

import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from monitoring import correlation
from monitoring.errors import sentry
from monitoring.errors.classification import classify
from monitoring.errors.fingerprint import fingerprint_of, normalise, type_name
from monitoring.errors.installation import process_name, scrubber
from monitoring.errors.records import ErrorRecord, Kind
from monitoring.errors.tallying import Key

LONGEST_TYPE, LONGEST_SUMMARY = 200, 500  # characters, as the columns have them
LONGEST_SERVICE, LONGEST_OPERATION, LONGEST_PROCESS = 50, 100, 100
LONGEST_TRACEBACK = 16_384  # bytes
VARIOUS = "(many different messages)"


def keeps_samples() -> bool:
    """Whether errors are described at all, or only counted."""
    return bool(settings.ERROR_MANAGER_ENABLED)


def kind_of(error: BaseException, key: Key) -> Kind:
    """What is common to errors that have this key."""
    judged = classify(error)
    name = type_name(key.type)
    # The key's own message may hold a secret; it is only hashed.
    shown = normalise(scrubber().text(text_of(error))) if key.message else ""
    return Kind(
        fingerprint=fingerprint_of(name, key.place, key.message),
        exception_type=scrubber().text(name)[:LONGEST_TYPE],
        message=(shown or (VARIOUS if text_of(error) else ""))[:LONGEST_SUMMARY],
        severity=key.severity or judged.severity,
        category=key.category or judged.category,
        service=key.service[:LONGEST_SERVICE],
        operation=scrubber().text(key.operation)[:LONGEST_OPERATION],
    )


def describe(error: BaseException, kind: Kind, facts: Mapping[str, Any]) -> ErrorRecord:
    """One error, of just now, with all that is known of it."""
    record = ErrorRecord(
        kind=kind,
        at=now(),
        correlation_id=correlation.current(),
        process=process_name()[:LONGEST_PROCESS],
        message=scrubber().text(text_of(error)),
        traceback=traceback_of(error),
        context=scrubber().context(facts),
    )
    sentry.send(error, record)
    return record


def text_of(error: BaseException) -> str:
    """What an error says, whatever its own code does when asked."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - the error's own code
        return f"[its message can't be had: {type(failure).__name__}]"


def summary_of(error: BaseException) -> str:
    """The type of an error and what it says, scrubbed."""
    return scrubber().text(f"{type_name(type(error))}: {text_of(error)}")


def now() -> datetime:
    """The wall clock."""
    return datetime.fromtimestamp(time.time(), UTC)


def traceback_of(error: BaseException) -> str:
    """The traceback, scrubbed; of a long one the end, which says what happened."""
    try:
        lines = traceback.format_exception(error)
    except Exception as failure:  # noqa: BLE001 - the error's own code
        lines = [f"[its traceback can't be had: {type(failure).__name__}]"]
    # More than is kept, so that no secret is cut in two before it is recognised.
    text = scrubber().text("".join(lines)[-4 * LONGEST_TRACEBACK :], 16 * LONGEST_TRACEBACK)
    return text.encode()[-LONGEST_TRACEBACK:].decode(errors="ignore")
