"""What the launcher says to the person who started it."""

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Show a line at once, also where the output goes to a file."""
    # A terminal that was closed must not keep anyone from ending the system in order.
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
