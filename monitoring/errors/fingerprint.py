"""Which errors are the same: of one type, from one place in our code, saying the same.

A line number is no part of a place, so that an edit elsewhere in the file leaves a group as it is;
numbers, callsigns and what stands in quotes are no part of a message.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters
from types import CodeType, TracebackType

VERSION = 1  # of this algorithm; another one makes other groups
FRAMES = 5  # of ours, the innermost
LONGEST_MESSAGE = 500  # characters that are looked at

_ROOT = str(Path(__file__).parents[2]) + "/"
# These run thousands of times a second in a storm: each begins with what is rare in a text.
_QUOTED = re.compile(r"""'[^'\n]*'|"[^"\n]*"|`[^`\n]*`""")
# From the first digit to the end of the word, its letters before come off apart: 12, 0x1f, BAW4P,
# a UUID, 51.5; and EGLL_TWR from where it can't be an ordinary name any more.
_NUMBERED = re.compile(r"[0-9](?:[.,:+-]?\w)*|_[A-Z0-9](?:-?\w)*")

MOST_KNOWN = 10_000
_known: dict[int, tuple[CodeType, tuple[str, bool]]] = {}

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
    # So that an apostrophe opens no quotation.
    text = message[:LONGEST_MESSAGE].replace("n't", "nt").replace("'s ", "s ")
    *words, end = _NUMBERED.split(_QUOTED.sub("#", text))
    return "".join([word.rstrip(ascii_letters) + "#" for word in words]) + end


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


def _described(code: CodeType) -> tuple[str, bool]:
    """The file below ours and the function's name, and whether it is ours."""
    # By identity, since comparing code objects looks at every constant in them.
    known = _known.get(id(code))
    if known is None or known[0] is not code:
        path = code.co_filename
        is_ours = path.startswith(_ROOT) and "/site-packages/" not in path
        file = path.removeprefix(_ROOT) if is_ours else "/".join(path.rsplit("/", 2)[-2:])
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        known = _known[id(code)] = code, (f"{file}:{code.co_qualname}", is_ours)
    return known[1]
