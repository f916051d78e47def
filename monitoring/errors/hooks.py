"""Reports what nobody caught: in a command, in the main thread of a process, in any other thread.

Afterwards it goes on as without: the traceback stands on the standard error, but scrubbed, and the
process ends with 1.
"""

import sys
import threading
from pathlib import Path
from types import TracebackType

from monitoring.errors import describing, reporting


def install() -> None:
    """Take the places of Python's own hooks."""
    sys.excepthook = report_uncaught
    threading.excepthook = report_thread


def report_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """What ends the process; Ctrl-C is no error."""
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, traceback)
        return
    reporting.report(error, service="commands", operation=command())
    _show(describing.traceback_of(error))


def report_thread(args: threading.ExceptHookArgs) -> None:
    """What ends a thread; `SystemExit` ends one without a word."""
    error = args.exc_value
    if error is None or isinstance(error, SystemExit):
        return
    name = args.thread.name if args.thread else "?"
    reporting.report(error, operation=f"thread {name}")
    _show(f"Exception in thread {name}:\n{describing.traceback_of(error)}")


def command() -> str:
    """What this process was started as: `manage.py replay`."""
    program, *arguments = sys.argv or [""]
    words = [Path(program).name, *arguments[:1]]
    return " ".join(word for word in words if not word.startswith("-"))


def _show(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()
