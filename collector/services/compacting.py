"""Turns positions of windows that are over into rows of arrays."""

from collector import positions
from collector.models import Poll


def compact() -> int:
    """Compact every window that the newest feed left behind; how many were."""
    newest = Poll.objects.accepted().first()
    return positions.compact(newest.feed_at) if newest else 0
