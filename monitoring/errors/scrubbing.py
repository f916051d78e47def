"""Takes secrets and members out of whatever is stored, logged or sent on about an error.

A value is withheld for the name of its key, for what it looks like, or because it is one of this
installation's own secrets. Names and CIDs of members are withheld as well. What is left fits JSON
and PostgreSQL: no NUL, no lone surrogate, no NaN; it is bounded in length, depth and breadth, and
no object's own code can break it.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any
from urllib.parse import unquote

import msgspec

WITHHELD = "[withheld]"
CUT = "…"
LONGEST_TEXT = 2048  # bytes of a value
LONGEST_KEY = 100  # characters
MOST_BYTES = 16_384  # of a whole context, as JSON
MOST_DEPTH = 8
MOST_ITEMS = 100  # of one mapping or sequence
SHORTEST_SECRET = 4  # characters; shorter ones are in every text

# Parts of a key's name, without its separators.
_SECRET_KEYS = re.compile(
    r"""pass(?:word|wd|phrase|code)|^pwd$|token|secret|authoriz|^auth$|credential|cookie|api_?key
    |(?:private|signing|encryption|pseudonym|access)_?key|dsn|session|csrf|xsrf|signature|jwt""",
    re.VERBOSE,
)
_MEMBER_KEYS = re.compile(r"^(?:cid|cids|name|names|real_?name|full_?name|member_?name|first_?name|last_?name|email)$")
# The same names where a text gives them a value: name=..., "name": ..., 'name', ...
_NAMED = (
    r"[\w.-]*(?:pass(?:word|wd|phrase|code)|token|secret|authorization|credential|cookie|api[_-]?key"
    r"|(?:private|signing|encryption|pseudonym|access)[_-]?key|dsn|session_?(?:id|key)|csrf|xsrf"
    r"|signature|jwt)[\w.-]*|pwd|cids?|real[_ ]?name|full[_ ]?name|name|email"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)", WITHHELD),
        # What PostgreSQL says of a row that it refuses.
        (r"(Key \([^)\n]*\)=\().*?(\) (?:already|is not|is still|conflicts))", rf"\1{WITHHELD}\2"),
        (r"(Failing row contains \().*?(\)\.?(?:\n|$))", rf"\1{WITHHELD}\2"),
        (r"([a-z][a-z0-9+.-]{1,20}://)[^\s/@'\"<>]{0,500}@", rf"\1{WITHHELD}@"),
        (r"\b(Bearer|Basic|Token|Digest)\s+[A-Za-z0-9._~+/=-]{6,}", rf"\1 {WITHHELD}"),
        (r"\bvdc_[A-Za-z0-9_-]{6,}", WITHHELD),
        (r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?", WITHHELD),
        # name = 'value', "name": "value", name=value&...
        (
            rf"\b({_NAMED})(\\?['\"]?\s{{0,3}}(?:=>|[:=])\s{{0,3}})"
            r"(?:b?\\?'[^'\n]{0,4000}'|b?\\?\"[^\"\n]{0,4000}\"|(?!\[withheld)[^\s,;&)\]}'\"]+)",
            rf"\1\2{WITHHELD}",
        ),
        (r"(?<==)[A-Za-z0-9+/_-]{32,}={0,2}", WITHHELD),
        # Numbers as members have them.
        (r"(?<![\w.#-])(?:[89]\d{5}|1\d{6})(?![\w.]\d|\w)", WITHHELD),
    )
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Scrubber:
    """Scrubs values and texts of some known secrets, and of what looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in (secret, unquote(secret))}
        # The longest first, since one may hold another.
        words = sorted((word for word in known if len(word) >= SHORTEST_SECRET), key=len)
        self._secrets = re.compile("|".join(map(_literally, reversed(words)))) if words else None

    def text(self, text: str, longest: int = LONGEST_TEXT) -> str:
        """A text without secrets, of at most `longest` bytes in UTF-8."""
        # A secret that the cut would leave half of is recognised whole before.
        text = _UNSTORABLE.sub("�", text[: 2 * longest + LONGEST_TEXT])
        if self._secrets:
            text = self._secrets.sub(WITHHELD, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return _shorten(text, longest)

    def context(self, facts: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
        """Facts about an error as JSON of at most `most_bytes`; what does not fit is left out."""
        kept: dict[str, Any] = {}
        left = most_bytes - 2
        for key, value in self._pairs(facts):
            clean = self._value(key, value, 1)
            size = len(msgspec.json.encode({key: clean})) - 1  # with a comma, without braces
            if size <= left:
                kept[key] = clean
                left -= size
        return kept

    def value(self, value: Any, depth: int = MOST_DEPTH) -> Any:
        """A value as JSON has it, scrubbed, at most `depth` levels deep."""
        return self._clean(value, MOST_DEPTH - depth)

    def _value(self, key: str, value: Any, depth: int) -> Any:
        if is_secret(key):
            return WITHHELD
        return self._clean(value, depth)

    def _clean(self, value: Any, depth: int) -> Any:
        try:
            return self._known(value, depth)
        except Exception:  # noqa: BLE001 - whatever the value's own code raised
            return f"[a {type(value).__name__} that can't be shown]"

    def _known(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, int):
            bits = value.bit_length()
            return int(value) if bits < 64 else f"[an integer of {bits} bits]"
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.text(bytes(value[:LONGEST_TEXT]).decode(errors="replace"))
        if isinstance(value, Mapping | Sequence | Set):
            return self._many(value, depth)
        return self.text(repr(value))

    def _many(self, value: Mapping[Any, Any] | Iterable[Any], depth: int) -> Any:
        if depth >= MOST_DEPTH:
            return CUT  # a cycle ends here, too
        if isinstance(value, Mapping):
            return {key: self._value(key, each, depth + 1) for key, each in self._pairs(value)}
        items = [self._clean(each, depth + 1) for each in islice(value, MOST_ITEMS)]
        return [*items, CUT] if len(value) > MOST_ITEMS else items  # type: ignore[arg-type]

    def _pairs(self, values: Mapping[Any, Any]) -> list[tuple[str, Any]]:
        pairs = islice(values.items(), MOST_ITEMS)
        return [(self.text(str(key), LONGEST_KEY), value) for key, value in pairs]


def is_secret(key: str) -> bool:
    """Whether what a key of this name holds is withheld."""
    name = re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)).lower()
    return bool(_SECRET_KEYS.search(name) or _MEMBER_KEYS.match(name.rpartition("__")[2]))


def has_withheld(value: Any) -> bool:
    """Whether something was taken out of a scrubbed value."""
    if isinstance(value, Mapping):
        return any(map(has_withheld, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_withheld, value))
    return isinstance(value, str) and WITHHELD in value


def _literally(secret: str) -> str:
    """A secret as a pattern; one that is a plain word counts as a whole word only."""
    return rf"(?<!\w){secret}(?!\w)" if secret.isalnum() else re.escape(secret)


def _shorten(text: str, longest: int) -> str:
    encoded = text.encode()
    if len(encoded) <= longest:
        return text
    return encoded[: longest - len(CUT.encode())].decode(errors="ignore") + CUT
