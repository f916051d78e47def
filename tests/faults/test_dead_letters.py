"""A flood of dead letters is cut at its cap, and makes nothing slow."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from msgspec import Struct
from rest_framework.test import APIClient

from monitoring.events import analysis, dead_letters
from monitoring.events.delivery import deliver, dispatch
from monitoring.events.retention import prune
from monitoring.events.signals import EventSignal
from monitoring.models import Delivery, RecoveryCount
from tests.faults.conftest import Note
from tests.faults.scale import FULL

DEAD = 1_000_000 if FULL else 100_000
CAP = DEAD // 10
MOST_S = 0.5  # for what is done all the time, on a slow machine
FLOOD = f"""
    INSERT INTO monitoring_event (type, version, service, subject, occurred_at, payload,
                                  correlation_id)
    SELECT 'FLOODED', 1, 'tests', '', now(), '{{"number": 1}}', '' FROM generate_series(1, {DEAD});
    INSERT INTO monitoring_delivery (event_id, handler, status, attempts, error, finished_at)
    SELECT id, 'fails', 'dead', 5, 'ValueError: no', now() FROM monitoring_event ORDER BY id;
    ANALYZE monitoring_event, monitoring_delivery
"""  # noqa: S608


class Flooded(Struct):
    number: int


@pytest.fixture
def flood(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> EventSignal:
    """Dead letters, ten times as many as there may be."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # without it each client warns
    settings.EVENT_BUS_MAX_DEAD_LETTER_SIZE = CAP
    monkeypatch.setattr(EventSignal, "types", dict(EventSignal.types))
    with connection.cursor() as cursor:
        cursor.execute(FLOOD)
    return EventSignal("FLOODED", Flooded, service="tests")


def test_a_flood_of_dead_letters_is_cut_and_slows_nothing(flood: EventSignal, note: Note) -> None:
    operator = User.objects.create_user("olga")
    operator.groups.add(Group.objects.get(name="operator"))
    api = APIClient()
    api.force_authenticate(operator)
    got: list[int] = []
    flood.connect(lambda event: got.append(event.id), name="works")

    def publish_and_deliver() -> None:
        with transaction.atomic():
            flood.publish(Flooded(1), occurred_at=datetime.now(UTC))
        dispatch(lambda name, _: deliver(name))

    def read(path: str) -> None:
        assert api.get(path).status_code == 200

    took = {
        "publish and deliver": _seconds(publish_and_deliver),
        "size": _seconds(dead_letters.fill),
        "list": _seconds(lambda: read("/api/events/dead-letters")),
        "history": _seconds(lambda: read("/api/events")),
    }
    assert len(got) == 3
    assert dead_letters.fill().size == CAP + 1
    assert dead_letters.fill().is_nearly_full
    note(f"with {DEAD} dead letters: {_in_words(took)}")
    assert max(took.values()) < MOST_S, took
    note(f"analytics over all of it: {_seconds(lambda: analysis.analyse(24)):.2f} s")

    cut_s = _seconds(prune, repeats=1)
    note(f"{DEAD - CAP} dead letters were cut in {cut_s:.1f} s")
    assert Delivery.objects.filter(status="dead").count() == CAP
    assert RecoveryCount.objects.get(operation=dead_letters.OPERATION).attempts == DEAD - CAP
    newest = Delivery.objects.filter(handler="fails").order_by("-id")
    retried = dead_letters.retry_all(newest, operator)
    assert retried == CAP


def _seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of a few times, since other work stands beside."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def _in_words(took: dict[str, float]) -> str:
    return ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in took.items())
