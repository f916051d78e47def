"""What every page of the site says about the data."""

import threading
import time

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest

from collector.models import Source

NOTICES = {
    Source.Kind.SIMULATED: "Simulated: this network is made up. Nobody here is flying.",
    Source.Kind.RECORDED: "Recorded: this is how the network was at another time, not how it is.",
}
ASK_AGAIN_S = 30.0  # while the source is not known: not decided yet, or PostgreSQL away
_source: Source.Kind | None = None
_asked_at = float("-inf")  # of the monotonic clock


def feed_notice(_request: HttpRequest) -> dict[str, str]:
    """Context processor: `feed_notice` says loudly where the data is not the live network's."""
    return {"feed_notice": notice_of_source()}


def notice_of_source() -> str:
    """What must be said about the data, an empty string where it is the live network's."""
    kind = source()
    return NOTICES.get(kind, "") if kind else ""


def source() -> Source.Kind | None:
    """Where the feeds come from, None while it is not known.

    It never changes, so it is asked for once. A page never waits for it: what is not known yet
    is said by a later page.
    """
    global _asked_at
    if _source is None and time.monotonic() - _asked_at >= ASK_AGAIN_S:
        _asked_at = time.monotonic()
        if connection.connection is None:
            threading.Thread(target=_ask_apart, name="feed-notice", daemon=True).start()
        else:
            _ask()
    return _source


def _ask_apart() -> None:
    try:
        _ask()
    finally:
        connection.close()  # this thread's own


def _ask() -> None:
    global _source
    try:
        decided = Source.objects.first()
    except (DatabaseError, InterfaceError):
        return
    if decided:
        _source = Source.Kind(decided.kind)


def forget() -> None:
    """Ask again for the next page."""
    global _source, _asked_at
    _source, _asked_at = None, float("-inf")
