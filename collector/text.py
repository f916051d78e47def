"""Cleans strings that strangers sent, before anything stores or shows them.

PostgreSQL refuses NUL, and neither it nor UTF-8 can hold half of a surrogate pair.
"""

import re
from typing import Any

import msgspec

MOST_JSON = 4000  # bytes kept of a value whose meaning nobody knows
MOST_NESTED = 100  # lists and objects within it, and so how deep it may nest
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Escapes in JSON text: those to keep (among them a backslash, and whole surrogate pairs) and
# those of NUL and lone surrogates.
_ESCAPES = re.compile(
    r"(?P<kept>\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def clean(text: str, length: int) -> str:
    """`text` without NUL and lone surrogates, cut to `length` characters."""
    if len(text) <= length and text.isprintable():
        return text  # nearly always, and sooner than the search
    return _UNSTORABLE.sub(REPLACEMENT, text[:length])


def clean_json(content: bytes) -> bytes:
    """JSON text that decodes: valid UTF-8, without escaped NULs and lone surrogates.

    Whole surrogate pairs stay as they are.
    """
    if content.isascii() and b"\\u" not in content:
        return content
    text = content.decode("utf-8", "replace")
    return (_ESCAPES.sub(_repair, text) if "\\u" in text else text).encode()


def _repair(match: re.Match[str]) -> str:
    return match["kept"] or REPLACEMENT


def storable(value: Any, most: int = MOST_JSON) -> Any:
    """A JSON value with clean text; of a long or intricate one the start of its JSON, as text."""
    content = clean_json(msgspec.json.encode(value))
    if len(content) > most or content.count(b"[") + content.count(b"{") > MOST_NESTED:
        return content[:most].decode("utf-8", "ignore")
    return msgspec.json.decode(content)
