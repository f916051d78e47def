"""Which errors are the same: of one type, from one place in our code, saying the same.

A line number is no part of a place, so that an edit elsewhere in the file leaves a group as it is;
numbers, callsigns and what stands in quotes are no part of a message.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, TracebackType

VERSION = 1  # of this algorithm; another one makes other groups
FRAMES = 5  # of ours, the innermost
LONGEST_MESSAGE = 500  # characters that are looked at

_ROOT = str(Path(__file__).parents[2]) + "/"
_VARIABLE = re.compile(
    r"""
    (?<!\w)'[^'\n]{0,300}'(?!\w) | (?<!\w)"[^"\n]{0,300}"(?!\w) | `[^`\n]{0,300}`  # quoted
    | \b0x[0-9A-Fa-f]+\b
    | \b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b | \b[0-9a-f]{16,}\b
    | \b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b  # a controller's callsign
    | \b[A-Z]+[0-9][A-Z0-9]*\b  # a pilot's
    | [+-]?\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?
    """,
    re.VERBOSE,
)

Place = tuple[str, ...]


def place_of(error: BaseException) -> Place:
    """The functions of ours that the error passed, innermost last; of others if none is ours."""
    ours: list[str] = []
    others: list[str] = []
    for code in _codes(error.__traceback__):
        name, is_ours = _described(code)
        (ours if is_ours else others).append(name)
    return tuple((ours or others)[-FRAMES:])


def normalise(message: str) -> str:
    """A message without what differs from one error of a kind to the next."""
    return _VARIABLE.sub("#", message[:LONGEST_MESSAGE])


def fingerprint_of(exception_type: str, place: Place, message: str) -> str:
    """The fingerprint of errors of a type, from a place, with a normalised message."""
    text = "\n".join((exception_type, *place, message)).encode(errors="replace")
    return f"{VERSION}-{hashlib.sha256(text).hexdigest()[:40]}"


def type_name(kind: type[BaseException]) -> str:
    """The dotted name of an exception class; without the module for Python's own."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _codes(traceback: TracebackType | None) -> Iterator[CodeType]:
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


class _Code:
    """A code object by its identity: its own comparison looks at every constant."""

    __slots__ = ("code",)

    def __init__(self, code: CodeType) -> None:
        self.code = code

    def __hash__(self) -> int:
        return id(self.code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Code) and self.code is other.code


def _described(code: CodeType) -> tuple[str, bool]:
    return _described_once(_Code(code))


@lru_cache(maxsize=10_000)
def _described_once(key: _Code) -> tuple[str, bool]:
    """The file below ours and the function's name, and whether it is ours."""
    path = key.code.co_filename
    is_ours = path.startswith(_ROOT) and "/site-packages/" not in path
    file = path.removeprefix(_ROOT) if is_ours else "/".join(path.rsplit("/", 2)[-2:])
    return f"{file}:{key.code.co_qualname}", is_ours
