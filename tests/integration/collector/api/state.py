"""What a process remembers."""

from collector import snapshots, views
from collector.services import aliases, current, past
from monitoring import runtime


def forget() -> None:
    """Read everything anew."""
    for module in (snapshots, current, aliases, views, runtime):
        module.forget()
    past.counts_before.cache_clear()
