"""Takes secrets and members out of whatever is stored, logged or sent on about an error.

A value is withheld for the name of its key, for what it looks like, or because it is one of this
installation's own secrets. Names and CIDs of members are withheld as well. What is left fits JSON
and PostgreSQL: no NUL, no lone surrogate, no NaN; it is bounded in length, depth and breadth, and
no object's own code can break it.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

WITHHELD = "[withheld]"
CUT = "…"
LONGEST_TEXT = 2048  # bytes of a value
LONGEST_KEY = 100  # bytes
MOST_BYTES = 16_384  # of a whole context, as JSON
MOST_DEPTH = 8
MOST_VALUES = 2000  # in all
MOST_ITEMS = 100  # of one mapping or sequence
LONGEST_SECRET = 512  # characters that are recognised by what they look like
SHORTEST_SECRET = 4  # characters; shorter ones are in every text

# In a key's name, in lower case and with underscores.
_SECRET_KEYS = re.compile(
    r"pass(?:word|wd|phrase|code)|^pwd$|token|secret|authoriz|^auth$|credential|cookie|api_?key"
    r"|(?:private|signing|encryption|pseudonym|access)_?key|dsn|session|csrf|xsrf|signature|jwt"
)
_MEMBER_KEYS = re.compile(r"(?:(?:real|full|member|first|last)_?)?names?|cids?|email")
# The same names where a text gives them a value: password=..., "name": "...", cid 'is' ...
_NAMED = (
    r"[\w.-]{0,40}(?:pass(?:word|wd|phrase|code)|token|secret|authorization|credential|cookie"
    r"|api[_-]?key|(?:private|signing|encryption|pseudonym|access)[_-]?key|dsn|session_?(?:id|key)"
    r"|csrf|xsrf|signature|jwt)[\w.-]{0,40}"
    r"|pwd|cids?|(?:real|full|member|first|last)[_ ]?name|names?|email"
)
_EQUALS = r"\\?['\"]?\s{0,3}(?:=>|[:=])\s{0,3}"
# A quoted value may have lost its end.
_VALUE = r"(?:b?\\?'[^'\n]{0,4000}'?|b?\\?\"[^\"\n]{0,4000}\"?|(?!\[withheld)[^\s,;&)\]}'\"]+)"


class _Look(NamedTuple):
    """What secrets look like; only a text that holds one of `hints`, in lower case, is searched."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str = WITHHELD


def _look(hints: str, pattern: str, replacement: str = WITHHELD) -> _Look:
    flags = re.IGNORECASE | re.DOTALL
    return _Look(tuple(hints.split(" ")), re.compile(pattern, flags), replacement)


_LOOKS = (
    _look("-----begin", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)"),
    # What PostgreSQL says of a row that it refuses.
    _look(
        "key",
        r"(Key \([^)\n]{0,500}\)=\().{0,2000}?(\) (?:already|is |conflicts))",
        rf"\1{WITHHELD}\2",
    ),
    _look("failing", r"(Failing row contains \().{0,4000}?(\)\.?(?:\n|$))", rf"\1{WITHHELD}\2"),
    _look("://", r"([a-z][a-z0-9+.-]{1,20}://)[^\s/@'\"<>]{0,500}@", rf"\1{WITHHELD}@"),
    _look(
        "authorization cookie",
        rf"\b((?:proxy-)?authorization|(?:set-)?cookie)({_EQUALS})[^\n]+",
        rf"\1\2{WITHHELD}",
    ),
    _look("bearer", r"\b(Bearer)\s+[A-Za-z0-9._~+/=-]{6,}", rf"\1 {WITHHELD}"),
    _look(
        "basic token",
        r"\b(Basic|Token)\s+(?=(?-i:\S{0,200}[0-9=A-Z]))[\w.~+/=-]{8,}",
        rf"\1 {WITHHELD}",
    ),
    _look("vdc_", r"\bvdc_[A-Za-z0-9_-]{6,}"),
    _look("whsec_", r"\bwhsec_[A-Za-z0-9+/=]{6,}"),
    _look("eyj", r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"),
    _look(
        "pass pwd token secret authoriz credential cookie key dsn session csrf xsrf signature jwt"
        " cid name email",
        rf"\b({_NAMED})({_EQUALS}){_VALUE}",
        rf"\1\2{WITHHELD}",
    ),
    _look("=", r"(?<==)[A-Za-z0-9+/_-]{32,}={0,2}"),
    # Numbers as members have them.
    _look("1 8 9", r"(?<![\w.#-])(?:[89]\d{5}|1\d{6})(?![\w.]\d|\w)"),
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
        read = text[: 2 * longest + LONGEST_TEXT]
        is_cut = len(read) < len(text)
        text = _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", read)
        if self._secrets:
            text = self._secrets.sub(WITHHELD, text)
        lower = text.lower()
        for hints, pattern, replacement in _LOOKS:
            if any(hint in lower for hint in hints):
                text = pattern.sub(replacement, text)
        if is_cut:  # its end may be half of a secret
            text = text[:-LONGEST_SECRET] + CUT
        return _shorten(text, longest)

    def context(self, facts: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
        """Facts about an error as JSON of at most `most_bytes`; what does not fit is cut."""
        kept: dict[str, Any] = {}
        left = most_bytes - 2
        for name, fact in islice(facts.items(), MOST_ITEMS):
            key, clean = _Walk(self.text).pair(name, fact, 0)
            for value in (clean, CUT):
                size = len(msgspec.json.encode({key: value})) - 1  # with a comma, without braces
                if size <= left:
                    kept[key] = value
                    left -= size
                    break
        return kept

    def value(self, value: Any, depth: int = MOST_DEPTH) -> Any:
        """A value as JSON has it, scrubbed, at most `depth` levels deep."""
        return _Walk(self.text).clean(value, MOST_DEPTH - depth)


class _Walk:
    """One way through a value, which may be without end."""

    def __init__(self, text: Callable[[str], str]) -> None:
        self._text = text
        self._left = MOST_VALUES

    def clean(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            return CUT
        try:
            return self._known(value, depth)
        except Exception:  # noqa: BLE001 - whatever the value's own code raised
            return f"[a {type(value).__name__} that can't be shown]"

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        pairs = islice(value.items(), MOST_ITEMS)
        return dict(self.pair(key, each, depth + 1) for key, each in pairs)

    def pair(self, key: Any, value: Any, depth: int) -> tuple[str, Any]:
        name = _shorten(str(self.clean(key, MOST_DEPTH - 1)), LONGEST_KEY)
        return name, WITHHELD if is_secret(name) else self.clean(value, depth)

    def _known(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, int):
            bits = value.bit_length()
            return int(value) if bits < 64 else f"[an integer of {bits} bits]"
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self._text(bytes(value[:LONGEST_TEXT]).decode(errors="replace"))
        if isinstance(value, Mapping | Sequence | Set):
            return self._many(value, depth)
        return self._text(repr(value))

    def _many(self, value: Any, depth: int) -> Any:
        if depth >= MOST_DEPTH:
            return CUT  # a cycle ends here, too
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        items = [self.clean(each, depth + 1) for each in islice(value, MOST_ITEMS)]
        return [*items, CUT] if len(value) > MOST_ITEMS else items


def is_secret(key: str) -> bool:
    """Whether what a key of this name holds is withheld."""
    name = re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)).lower()
    return bool(_SECRET_KEYS.search(name) or _MEMBER_KEYS.fullmatch(name.rpartition("__")[2]))


def _literally(secret: str) -> str:
    """A secret as a pattern; one that is a plain word counts as a whole word only."""
    return rf"(?<!\w){secret}(?!\w)" if secret.isalnum() else re.escape(secret)


def _shorten(text: str, longest: int) -> str:
    encoded = text.encode()
    if len(encoded) <= longest:
        return text
    return encoded[: longest - len(CUT.encode())].decode(errors="ignore") + CUT
