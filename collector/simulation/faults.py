"""Switches that break the simulated feed, one by one or together.

A fault is written as its name, a name and an amount (`slow=5`), and for one of the two files alone
with that file before it (`transceivers:status=503`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

DATA, TRANSCEIVERS = "data", "transceivers"

Record = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What is sent for a file: after `delay_s`, as fast as `bytes_per_s` or at once."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = "application/json"
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    cut_off: bool = False  # the connection closes half-way


@dataclass(frozen=True)
class Fault:
    """One switch that is on; `file` is `DATA`, `TRANSCEIVERS` or None for both."""

    name: str
    amount: float
    file: str | None = None

    def __str__(self) -> str:
        """As `parse_fault` reads it."""
        prefix = f"{self.file}:" if self.file else ""
        return f"{prefix}{self.name}={self.amount:g}"

    def concerns(self, file: str) -> bool:
        """Whether it breaks this file; faults in records are for the data file."""
        return self.file in {None, file} and (file == DATA or not KINDS[self.name].data_only)


class Kind(NamedTuple):
    """A fault's default and smallest amount, what it does, and how."""

    default: float
    least: float
    description: str
    break_answer: Callable[[Answer, float], Answer] | None = None
    data_only: bool = False


def parse_fault(text: str) -> Fault:
    """Read a fault; raises ValueError with a sentence for the person who wrote it."""
    file, _, rest = text.strip().rpartition(":")
    name, _, amount = rest.partition("=")
    if file not in {"", DATA, TRANSCEIVERS}:
        reason = f"{text!r}: a fault is for {DATA} or {TRANSCEIVERS}, not for {file!r}."
        raise ValueError(reason)
    if name not in KINDS:
        reason = f"{text!r}: there is no such fault, but {', '.join(KINDS)}."
        raise ValueError(reason)
    return Fault(name, _amount(text, amount, KINDS[name]), file or None)


def _amount(text: str, amount: str, kind: Kind) -> float:
    try:
        value = float(amount or kind.default)
    except ValueError:
        value = float("nan")
    if not kind.least <= value <= 1e9:  # NaN fails too
        reason = f"{text!r}: the amount must be a number from {kind.least:g}."
        raise ValueError(reason)
    return value


def shift_time(feed_at: datetime, faults: Iterable[Fault], switched_at: datetime) -> datetime:
    """The time of the feed that is sent; `switched_at` is the feed's time when faults were set."""
    for fault in faults:
        if fault.name == "stale":
            feed_at = switched_at
        elif fault.name == "older":
            feed_at -= timedelta(seconds=fault.amount)
        elif fault.name == "future":
            feed_at += timedelta(seconds=fault.amount)
    return feed_at


def break_answer(answer: Answer, faults: Iterable[Fault]) -> Answer:
    """Apply the faults to a sound answer, those in its records first."""
    for fault in sorted(faults, key=lambda fault: _ORDER.index(fault.name)):
        change = KINDS[fault.name].break_answer
        if change:
            answer = change(answer, fault.amount)
    return answer


def _truncated(answer: Answer, share: float) -> Answer:
    return replace(answer, body=answer.body[: int(len(answer.body) * share)])


def _status(answer: Answer, status: float) -> Answer:
    body = b"SIMULATED failure"
    return replace(answer, status=int(status), body=body, content_type="text/plain")


def _html(answer: Answer, _: float) -> Answer:
    body = b"<!doctype html><title>SIMULATED</title><p>A page where JSON should be"
    return replace(answer, body=body, content_type="text/html")


def _on_pilots(change: Callable[[list[Any], int], list[Any]]) -> Callable[[Answer, float], Answer]:
    """A fault that changes so many pilots: a number from 1 on, a share below."""

    def change_pilots(answer: Answer, amount: float) -> Answer:
        feed = msgspec.json.decode(answer.body)
        pilots = feed["pilots"]
        number = round(amount if amount >= 1 else amount * len(pilots))
        feed["pilots"] = change(pilots, min(number, len(pilots)))
        general = feed["general"]
        general["connected_clients"] += len(feed["pilots"]) - len(pilots)
        return replace(answer, body=msgspec.json.encode(feed))

    return change_pilots


def _without(key: str) -> Callable[[Record], Any]:
    return lambda pilot: {name: value for name, value in pilot.items() if name != key}


def _with(key: str, value: object) -> Callable[[Record], Any]:
    return lambda pilot: {**pilot, key: value}


# In turn: types that do not fit first, values out of range after them.
_DAMAGES: tuple[Callable[[Record], Any], ...] = (
    _with("cid", "not a number"),
    _without("callsign"),
    _with("latitude", "north"),
    lambda _: None,
    _with("logon_time", "yesterday"),
    _with("altitude", "high"),
    lambda pilot: list(pilot.values()),
    _with("flight_plan", ["filed"]),
    _with("latitude", 123.4),
    _with("longitude", -1234.5),
    _with("groundspeed", 99_999),
    _with("altitude", 10**12),
    _with("heading", -1_000),
    _with("transponder", "89AB"),
    _with("qnh_mb", -13_061),
    _with("callsign", "\x00" * 40),
)


def _bad_records(pilots: list[Any], number: int) -> list[Any]:
    damaged = list(pilots)
    for n in range(number):
        place = n * len(pilots) // number
        damaged[place] = _DAMAGES[n % len(_DAMAGES)](pilots[place])
    return damaged


def _duplicated(pilots: list[Any], number: int) -> list[Any]:
    """The first ones once more, as they stood when they connected."""
    return pilots + [{**pilot, "last_updated": pilot["logon_time"]} for pilot in pilots[:number]]


def _fewer(pilots: list[Any], number: int) -> list[Any]:
    return pilots[: len(pilots) - number]


KINDS: dict[str, Kind] = {
    "stale": Kind(0, 0, "the same feed again and again"),
    "older": Kind(3600, 0, "a feed of so many seconds ago"),
    "future": Kind(3600, 0, "a feed of so many seconds ahead"),
    "bad_records": Kind(
        0.05, 0, "a share or number of pilots damaged", _on_pilots(_bad_records), True
    ),
    "duplicated": Kind(0.05, 0, "a share or number of pilots twice", _on_pilots(_duplicated), True),
    "missing": Kind(0.5, 0, "a share or number of pilots left out", _on_pilots(_fewer), True),
    "truncated": Kind(0.5, 0, "only this share of the body", _truncated),
    "empty": Kind(0, 0, "no body at all", lambda answer, _: replace(answer, body=b"")),
    "html": Kind(0, 0, "a web page instead", _html),
    "status": Kind(500, 400, "this HTTP status", _status),
    "slow": Kind(5, 0, "seconds until the answer", lambda answer, s: replace(answer, delay_s=s)),
    "trickle": Kind(
        1, 0.1, "bytes a second", lambda answer, rate: replace(answer, bytes_per_s=rate)
    ),
    "cut_off": Kind(
        0, 0, "the connection closes half-way", lambda answer, _: replace(answer, cut_off=True)
    ),
}
_ORDER = list(KINDS)
