"""Decodes a feed's two JSON bodies into records, and learns the keys that the feed adds to them.

All records of a kind are decoded at once. Only when one of them is bad is each decoded by itself,
so that one bad record costs that record and no other.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct

from collector.records import (
    Atis,
    Controller,
    General,
    Pilot,
    Prefile,
    Radios,
    Server,
)
from collector.text import clean, clean_json, storable

# Keys beyond a kind's own that are kept of a record, and that a decoder knows at a time: a feed
# of random keys must not fill the memory.
MOST_UNKNOWN_KEYS, MOST_LEARNED_KEYS = 16, 32
KEPT_REJECTS = 10


class FeedRejected(Exception):
    """A whole body that is not a feed. `reason` is a slug, the message says what is wrong."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RejectedRecord(NamedTuple):
    """A record that could not be taken, with the reason and the start of its JSON."""

    kind: str
    reason: str
    record: str


@dataclass(slots=True)
class Rejects:
    """Counts rejected records by kind and reason, and keeps the last few."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    last: list[RejectedRecord] = field(default_factory=list)

    def add(self, kind: str, reason: str, record: bytes) -> None:
        """Count one record of `kind`; `record` is its JSON."""
        self.counts[kind, reason] += 1
        text = clean(record[:4000].decode("utf-8", "replace"), 4000)
        self.last = [*self.last, RejectedRecord(kind, reason, text)][-KEPT_REJECTS:]

    def include(self, others: "Rejects") -> None:
        """Add what another body counted."""
        self.counts.update(others.counts)
        self.last = [*self.last, *others.last][-KEPT_REJECTS:]


class _Decoder:
    """Decodes one type of record, and learns the keys that the feed adds to it.

    A learned key becomes an optional field of the type, so that a new key slows down only the
    first feed that has it.
    """

    def __init__(self, kind: str, base: type[Struct]) -> None:
        self.kind = kind
        self.base = base
        self.learned: list[str] = []
        own = msgspec.structs.fields(base)
        self._own, self._count = {f.encode_name for f in own}, len(own)
        self._build()

    def _build(self) -> None:
        names = {f"learned_{i}": key for i, key in enumerate(self.learned)}
        self.type: Any = self.base
        if names:
            self.type = msgspec.defstruct(
                self.base.__name__,
                [(name, Any, UNSET) for name in names],
                bases=(self.base,),
                rename=names,
                gc=False,
                forbid_unknown_fields=True,
            )
        self._decode = msgspec.json.Decoder(self.type).decode

    def decode(self, item: bytes) -> Any:
        """The record in `item`; raises msgspec's errors."""
        try:
            return self._decode(item)
        except msgspec.ValidationError:
            record = msgspec.json.decode(item)
            if not isinstance(record, dict) or record.keys() <= self._own:
                raise
            record = msgspec.json.decode(item, type=dict[str, Raw])
            kept = sorted(key for key in record if key not in self._own and _is_nameable(key))
            kept = kept[:MOST_UNKNOWN_KEYS]
            self._learn(kept)
            for key in record.keys() - self._own - set(kept):
                del record[key]
            return self._decode(msgspec.json.encode(record))

    def decode_each(self, items: Raw, rejects: Rejects) -> list[Any]:
        """The good records of a JSON list; the others are counted in `rejects`."""
        records = []
        for item in msgspec.json.decode(items, type=list[Raw]):
            try:
                records.append(self.decode(bytes(item)))
            except msgspec.DecodeError as error:
                rejects.add(self.kind, _reason(error), bytes(item))
        return records

    def extras(self, record: Struct) -> dict[str, Any]:
        """The values of the keys that `record` has beyond its kind's own: a few, in their order."""
        names = {f.encode_name: f.name for f in msgspec.structs.fields(record)[self._count :]}
        values = {key: getattr(record, names[key]) for key in sorted(names)}
        present = [(key, value) for key, value in values.items() if value is not UNSET]
        return {key: storable(value) for key, value in present[:MOST_UNKNOWN_KEYS]}

    def _learn(self, keys: list[str]) -> None:
        """Make fields of the keys; those of before are forgotten where there are too many."""
        new = [key for key in keys if key not in self.learned]
        if new:
            room = len(self.learned) + len(new) <= MOST_LEARNED_KEYS
            self.learned = [*self.learned, *new] if room else keys
            self._build()


def _is_nameable(key: str) -> bool:
    """Whether a key may become a field's name."""
    return len(key) <= 64 and key.isprintable() and not set(key) & set('\\"')


class _Envelope(Struct, gc=False, forbid_unknown_fields=True):
    """The feed's outermost object, with its lists still raw."""

    general: General
    pilots: Raw
    controllers: Raw
    atis: Raw = Raw(b"[]")
    servers: Raw = Raw(b"[]")
    prefiles: Raw = Raw(b"[]")
    facilities: list[dict[str, Any]] = []
    ratings: list[dict[str, Any]] = []
    pilot_ratings: list[dict[str, Any]] = []
    military_ratings: list[dict[str, Any]] = []


_ENVELOPE = _Decoder("feed", _Envelope)
_KINDS: dict[str, type[Struct]] = {
    "pilots": Pilot,
    "controllers": Controller,
    "atis": Atis,
    "servers": Server,
    "prefiles": Prefile,
}
_DECODERS = {kind: _Decoder(kind, base) for kind, base in _KINDS.items()}
_ALL = (_ENVELOPE, *_DECODERS.values())
# The decoder of everything at once, with the types that it was made of.
_whole: tuple[tuple[type, ...], msgspec.json.Decoder[Any]] | None = None


def _whole_decoder() -> msgspec.json.Decoder[Any]:
    """Decodes a body in which every record is good, in one pass."""
    global _whole
    types = tuple(decoder.type for decoder in _ALL)
    if _whole is None or _whole[0] != types:
        lists: dict[str, Any] = {d.kind: list.__class_getitem__(d.type) for d in _ALL[1:]}
        needed = [(kind, lists.pop(kind)) for kind in ("pilots", "controllers")]
        feed = msgspec.defstruct(
            "Feed",
            [*needed, *((kind, of, []) for kind, of in lists.items())],
            bases=(_ENVELOPE.type,),
            forbid_unknown_fields=True,
            gc=False,
        )
        _whole = types, msgspec.json.Decoder(feed)
    return _whole[1]


def _decode(content: bytes, rejects: Rejects) -> Any:
    """The envelope with lists of records; bad records are counted in `rejects`."""
    try:
        return _whole_decoder().decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A bad record, or a string with half a surrogate pair.
        envelope = _ENVELOPE.decode(_repaired(content))
        for kind, decoder in _DECODERS.items():
            setattr(envelope, kind, decoder.decode_each(getattr(envelope, kind), rejects))
        return envelope


def _repaired(content: bytes) -> bytes:
    """A body whose strings can be decoded. Raises `FeedRejected` if it is not UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        raise FeedRejected("encoding", "The body is not UTF-8.") from None
    return clean_json(content)


def decode_feed(content: bytes, rejects: Rejects) -> Any:
    """The body with lists of good records; bad ones are counted in `rejects`.

    Raises `FeedRejected`.
    """
    try:
        return _decode(content, rejects)
    except RecursionError:
        raise FeedRejected("nested", "The body is nested too deep.") from None
    except msgspec.ValidationError as error:
        raise FeedRejected("form", f"The body is no feed: {_reason(error)}.") from None
    except msgspec.DecodeError as error:
        raise FeedRejected("json", f"The body is no JSON: {_reason(error)}.") from None


def unknown_keys(body: Any) -> list[str]:
    """The keys in this body that the types did not have from the start."""
    keys = {f"feed.{key}" for key in _ENVELOPE.extras(body)}
    for kind, decoder in _DECODERS.items():
        if decoder.learned:
            for record in getattr(body, kind):
                keys.update(f"{kind}.{key}" for key in decoder.extras(record))
    return sorted(keys)


def extras_reader(kind: str) -> Callable[[Struct], dict[str, Any]] | None:
    """What reads a record's values of keys that nobody knew; None while there are no such keys."""
    decoder = _DECODERS[kind]
    return decoder.extras if decoder.learned else None


_RADIOS = msgspec.json.Decoder(list[Radios])


def decode_radios(content: bytes, rejects: Rejects) -> list[Radios]:
    """The good clients' radios; bad ones are counted in `rejects`. Raises `FeedRejected`."""
    try:
        return _decode_clients(content, rejects)
    except RecursionError:
        raise FeedRejected("nested", "The transceivers are nested too deep.") from None
    except msgspec.ValidationError as error:
        raise FeedRejected("form", f"The transceivers are no list: {_reason(error)}.") from None
    except msgspec.DecodeError as error:
        raise FeedRejected("json", f"The transceivers are no JSON: {_reason(error)}.") from None


def _decode_clients(content: bytes, rejects: Rejects) -> list[Radios]:
    try:
        return _RADIOS.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Decoder("transceivers", Radios).decode_each(Raw(_repaired(content)), rejects)


def _reason(error: Exception) -> str:
    """What was wrong, without the place in the list, so that equal reasons count together."""
    text = str(error)
    if "unknown field" in text:
        return "unknown keys that are too many or too odd"
    message, _, path = text.partition(" - at `$")
    return message + (f" at {path.rstrip('`').lstrip('.')}" if path.startswith(".") else "")
