"""The feed's own lists of ratings and facilities."""

from typing import Any

from collector.live import short_names
from collector.models import Reference

NAMES = ("ratings", "pilot_ratings", "military_ratings", "facilities")


def references() -> dict[str, list[dict[str, Any]]]:
    """Each list as the feed names it; empty before a feed had it."""
    known = dict(Reference.objects.values_list("name", "entries"))
    return {name: known.get(name, []) for name in NAMES}


def station_names() -> tuple[dict[int, str], dict[int, str]]:
    """The short names of facilities and of ratings."""
    lists = references()
    return short_names(lists["facilities"]), short_names(lists["ratings"])
