"""Which radios were tuned to which frequency, from when to when.

A tuning is (callsign, radio id) on one channel; it goes on while feeds of transceivers show it.
Pilots' antennas move with their aircraft, whose track tells where they were; a station's antenna
that moves begins a new tuning.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.distance import distance_nm
from collector.records import Transceiver
from collector.rules import Rules

CHANNEL_HZ = 5000  # clients report frequencies with a noise of a few Hz
MOVED_NM = 0.5
# Values that fit their columns; the recorded extremes are 43 radios and heights of some 30 km.
MOST_RADIOS = 64


@dataclass(slots=True, eq=False)
class Tuning:
    """One radio on one frequency: Hz, degrees, metres."""

    callsign: str
    radio: int
    frequency: int
    latitude: float
    longitude: float
    height_msl_m: float
    height_agl_m: float
    since_at: datetime
    until_at: datetime | None = None
    id: int = 0


@dataclass(slots=True)
class TuningChanges:
    """What one feed of transceivers changed."""

    began: list[Tuning] = field(default_factory=list)
    ended: list[Tuning] = field(default_factory=list)


class Tunings:
    """The tunings that go on, moved on feed by feed."""

    def __init__(
        self, rules: Rules, feed_at: datetime | None = None, tunings: Iterable[Tuning] = ()
    ) -> None:
        self.rules = rules
        self.feed_at = feed_at
        self.current: dict[str, dict[int, Tuning]] = {}
        for tuning in tunings:
            self.current.setdefault(tuning.callsign, {})[tuning.radio] = tuning

    def advance(
        self,
        feed_at: datetime,
        radios: Mapping[str, list[Transceiver]],
        stations: Collection[str],
    ) -> TuningChanges:
        """Apply the radios of the next feed; `stations` are the callsigns that stand still."""
        changes = TuningChanges()
        gap_s = (feed_at - self.feed_at).total_seconds() if self.feed_at else 0.0
        if gap_s > self.rules.gap_break_s:
            self._end_all(changes)
        for callsign in sorted(self.current.keys() - radios.keys()):
            self._end(self.current.pop(callsign).values(), changes)
        for callsign, transceivers in radios.items():
            is_station = callsign in stations
            if is_station or not _is_same(self.current.get(callsign), transceivers):
                self._retune(callsign, transceivers, feed_at, is_station, changes)
        self.feed_at = feed_at
        return changes

    def _end_all(self, changes: TuningChanges) -> None:
        for callsign in sorted(self.current):
            self._end(self.current.pop(callsign).values(), changes)

    def _end(self, tunings: Iterable[Tuning], changes: TuningChanges) -> None:
        for tuning in tunings:
            tuning.until_at = self.feed_at
            changes.ended.append(tuning)

    def _retune(
        self,
        callsign: str,
        transceivers: list[Transceiver],
        feed_at: datetime,
        is_station: bool,
        changes: TuningChanges,
    ) -> None:
        current = self.current.get(callsign, {})
        radios = {radio.id: radio for radio in transceivers[:MOST_RADIOS]}
        kept = {
            radio_id: tuning
            for radio_id, tuning in current.items()
            if radio_id in radios and _goes_on(tuning, radios[radio_id], is_station)
        }
        self._end([current[i] for i in current if i not in kept], changes)
        began = {
            radio_id: _begin(callsign, radio, feed_at)
            for radio_id, radio in radios.items()
            if radio_id not in kept
        }
        changes.began += began.values()
        self.current[callsign] = kept | began


def _is_same(current: dict[int, Tuning] | None, transceivers: list[Transceiver]) -> bool:
    """Whether radios and frequencies are exactly those of before."""
    if current is None or len(current) != len(transceivers):
        return False
    for radio in transceivers:
        tuning = current.get(radio.id)
        if tuning is None or tuning.frequency != radio.frequency:
            return False
    return True


def _goes_on(tuning: Tuning, radio: Transceiver, is_station: bool) -> bool:
    if _channel(tuning.frequency) != _channel(radio.frequency):
        return False
    if not is_station:
        return True
    moved = distance_nm(tuning.latitude, tuning.longitude, radio.latitude, radio.longitude)
    return moved <= MOVED_NM


def _channel(frequency: int) -> int:
    return round(frequency / CHANNEL_HZ)


def _begin(callsign: str, radio: Transceiver, since_at: datetime) -> Tuning:
    return Tuning(
        callsign=callsign,
        radio=radio.id,
        frequency=radio.frequency,
        latitude=radio.latitude,
        longitude=radio.longitude,
        height_msl_m=radio.height_msl_m,
        height_agl_m=radio.height_agl_m,
        since_at=since_at,
    )
