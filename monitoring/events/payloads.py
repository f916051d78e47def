"""Payloads as JSON: valid by their type, and storable in PostgreSQL."""

import re
from typing import Any

import msgspec

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# PostgreSQL refuses NUL; neither it nor UTF-8 can hold half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class EventError(ValueError):
    """An event that can't be published or read; the message says why."""


class UnknownEventType(EventError):
    """No app declares a type of this name."""


class InvalidPayload(EventError):
    """The payload does not fit its type."""


class PayloadType:
    """JSON of one Struct, both ways, checked: a Struct's own constructor checks nothing."""

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self.struct = struct
        self._decoder = msgspec.json.Decoder(struct)

    def encode(self, payload: Any) -> bytes:
        """JSON of a struct, or of the builtin values it is made of.

        Raises `InvalidPayload` with the place and the reason.
        """
        content = storable_json(payload)
        read = self.decode(content)
        # What came as a struct is complete already.
        return content if type(payload) is self.struct else msgspec.json.encode(read)

    def decode(self, content: bytes | str) -> Any:
        """The struct that `content` is JSON of."""
        try:
            return self._decoder.decode(content)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidPayload(f"{self.struct.__name__}: {error}") from None


def storable_json(value: Any) -> bytes:
    """JSON without NUL and lone surrogates."""
    try:
        content = msgspec.json.encode(value)
        if b"\\u0000" not in content:
            return content
    except UnicodeEncodeError:
        pass  # a lone surrogate
    except (TypeError, RecursionError, OverflowError) as error:
        raise InvalidPayload(f"It can't be written as JSON: {error}") from None
    return msgspec.json.encode(_clean(msgspec.to_builtins(value)))


def clean(text: str, length: int) -> str:
    """`text` without NUL and lone surrogates, cut to `length` characters."""
    if len(text) <= length and text.isascii() and text.isprintable():
        return text  # nearly always, and sooner than the search
    return _UNSTORABLE.sub(REPLACEMENT, text[:length])


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub(REPLACEMENT, value)
        case dict():
            return {_clean(key): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
    return value
