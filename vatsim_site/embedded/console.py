"""What the launcher says to the person who started it."""

import sys


def say(text: str) -> None:
    """Show a line at once, also where the output goes to a file."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
