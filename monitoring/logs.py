"""What the logs say: no secrets, and one plain line of each failure that is expected."""

import logging

from monitoring.errors.installation import scrubber

LONGEST_ENTRY = 65_536  # bytes
EXPECTED_FROM = ("django.request", "django.security", "health_check")
OWN_FAULT = 500


class ScrubbedFormatter(logging.Formatter):
    """Writes entries, tracebacks too, without secrets, names and CIDs of members."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry."""
        return scrubber().text(super().format(record), LONGEST_ENTRY)


class ExpectedFailures(logging.Filter):
    """Puts refused requests, servers that are away and failed health checks on one line.

    Django and django-health-check add a traceback to each of them, which says no more than the
    cause does and lets anybody fill the disk. An error of our own keeps its traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, the expected ones shortened."""
        error = record.exc_info and record.exc_info[1]
        if error and record.name.startswith(EXPECTED_FROM) and _is_expected(record):
            record.msg, record.args = _line(record.getMessage(), error), ()
            record.exc_info = record.exc_text = None
        return True


def _is_expected(record: logging.LogRecord) -> bool:
    """By the answer's status, which Django notes; without one by the level."""
    status = getattr(record, "status_code", None)
    return record.levelno < logging.ERROR if status is None else status != OWN_FAULT


def _line(message: str, error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    cause = str(error)
    text = message if not cause or cause in message else f"{message}: {cause}"
    # A percent sign is no placeholder here, since there are no arguments.
    return " ".join(text.split())
