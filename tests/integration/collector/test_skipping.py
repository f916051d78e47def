"""Records that can't be stored are left out, and that is counted as a recovery."""

import json

import pytest

from monitoring.errors import reporting
from monitoring.errors.kinds import Strategy
from monitoring.errors.records import RecoveryRecord
from tests.integration.collector.simulated import simulated, times


def test_skipped_records_are_counted_once_a_feed(
    play, monkeypatch, django_capture_on_commit_callbacks
):
    written: list[RecoveryRecord] = []
    monkeypatch.setattr(reporting, "write_later", written.append)
    (at,) = times(1)
    data = json.loads(simulated(at)[0])
    for pilot in data["pilots"][:3]:
        pilot["latitude"] = "north"
    with django_capture_on_commit_callbacks(execute=True):
        play([(json.dumps(data).encode(), None)])
    skips = [each for each in written if isinstance(each, RecoveryRecord)]
    assert [(each.strategy, each.successes, each.failures) for each in skips] == [
        (Strategy.SKIP, 3, 0)
    ]


@pytest.mark.django_db
def test_a_good_feed_skips_nothing(play, monkeypatch, django_capture_on_commit_callbacks):
    written: list[RecoveryRecord] = []
    monkeypatch.setattr(reporting, "write_later", written.append)
    with django_capture_on_commit_callbacks(execute=True):
        play([simulated(at) for at in times(2)])
    assert written == []
