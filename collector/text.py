"""Cleans strings that strangers sent, before anything stores or shows them.

PostgreSQL refuses NUL, and neither it nor UTF-8 can hold half of a surrogate pair.
"""

import re

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
