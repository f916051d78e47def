"""The staff's pages of what was collected; the index lists them in the order of this import."""

from collector.admin import (  # noqa: I001
    flights,
    prefiles,
    controllers,
    transceivers,
    feeds,
    installation,
)

__all__ = ["controllers", "feeds", "flights", "installation", "prefiles", "transceivers"]
