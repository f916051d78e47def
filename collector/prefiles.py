"""Flight plans that were filed before connecting, under (cid, callsign)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Raw

from collector.plans import Plan, PlanRejected, parse_plan
from collector.records import Key, Prefile


@dataclass(slots=True, eq=False)
class OpenPrefile:
    """A prefile that is in the newest feed."""

    cid: int
    callsign: str
    name: str
    plan: Plan
    last_updated: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    id: int = 0
    plan_json: Raw | None = None  # None: not known to be that of `plan`

    @property
    def key(self) -> Key:
        """What stands for it in a feed."""
        return self.cid, self.callsign


@dataclass(slots=True)
class PrefileChanges:
    """What one feed changed: `left` are prefiles that the feed no longer has."""

    opened: list[OpenPrefile] = field(default_factory=list)
    changed: list[OpenPrefile] = field(default_factory=list)
    left: list[OpenPrefile] = field(default_factory=list)
    rejected_plans: list[tuple[str, bytes]] = field(default_factory=list)


class Prefiles:
    """The prefiles of the newest feed, moved on feed by feed."""

    def __init__(self, prefiles: Iterable[OpenPrefile] = ()) -> None:
        self.open: dict[Key, OpenPrefile] = {prefile.key: prefile for prefile in prefiles}

    def advance(self, feed_at: datetime, records: Mapping[Key, Prefile]) -> PrefileChanges:
        """Apply the prefiles of the next feed."""
        changes = PrefileChanges()
        changes.left = [self.open.pop(key) for key in sorted(self.open.keys() - records.keys())]
        for key, record in records.items():
            prefile = self.open.get(key)
            if prefile:
                prefile.last_seen_at = feed_at
            try:
                self._apply(prefile, record, feed_at, changes)
            except PlanRejected as error:
                changes.rejected_plans.append((str(error), bytes(record.flight_plan)))
        return changes

    def _apply(
        self,
        prefile: OpenPrefile | None,
        record: Prefile,
        feed_at: datetime,
        changes: PrefileChanges,
    ) -> None:
        if prefile and prefile.plan_json == record.flight_plan:
            return
        plan = parse_plan(bytes(record.flight_plan))
        if plan is None:
            raise PlanRejected("flight_plan is null")
        if prefile is None:
            prefile = OpenPrefile(
                cid=record.cid,
                callsign=record.callsign,
                name=record.name,
                plan=plan,
                last_updated=record.last_updated,
                first_seen_at=feed_at,
                last_seen_at=feed_at,
            )
            self.open[prefile.key] = prefile
            changes.opened.append(prefile)
        elif plan != prefile.plan:
            prefile.plan, prefile.name = plan, record.name
            prefile.last_updated = record.last_updated
            changes.changed.append(prefile)
        prefile.plan_json = record.flight_plan.copy()
