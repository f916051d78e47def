"""Errors are kept for as long as the operator says."""

from datetime import timedelta

import pytest
from constance.test import override_config
from django.utils import timezone

from monitoring import runtime
from monitoring.errors import retention
from monitoring.errors.failed_tasks import record_failure
from monitoring.errors.kinds import BreakerState, Strategy
from monitoring.errors.records import RecoveryRecord, TransitionRecord
from monitoring.errors.storing import store
from monitoring.models import (
    BreakerTransition,
    ErrorCount,
    ErrorGroup,
    ErrorOccurrence,
    FailedTask,
    RecoveryCount,
    StoredRecord,
)
from tests.integration.monitoring.errors.records import error, failed_task, kind

pytestmark = pytest.mark.django_db


def rows_at(at) -> None:
    store(
        [
            error(kind("both"), at=at),
            error(kind(f"of {at:%d}"), at=at),
            RecoveryRecord(
                hour=at, strategy=Strategy.RETRY, service="s", operation="o",
                successes=1, failures=0, seconds=1.0,
            ),
            TransitionRecord(
                name="feed", at=at, from_state=BreakerState.CLOSED, to_state=BreakerState.OPEN
            ),
        ]
    )  # fmt: skip
    record_failure(failed_task(args=[f"{at}"], at=at))


def test_what_is_older_than_the_retention_goes_and_nothing_else(monkeypatch) -> None:
    monkeypatch.setattr(retention, "MOST_ROWS", 1)
    now = timezone.now()
    days = runtime.current().retention_errors_days
    rows_at(now - timedelta(days=days, hours=2))
    rows_at(now - timedelta(days=days - 1))
    StoredRecord.objects.filter(pk__in=StoredRecord.objects.values("pk")[:3]).update(
        stored_at=now - timedelta(days=8)
    )
    kept_ids = StoredRecord.objects.count() - 3
    deleted = retention.prune()
    assert deleted["occurrences"] == 2
    assert deleted["groups"] == 1
    assert ErrorGroup.objects.count() == 2
    for model in (BreakerTransition, FailedTask, RecoveryCount):
        assert model.objects.count() == 1, model
    for model in (ErrorOccurrence, ErrorCount):
        assert model.objects.count() == 2, model
    assert StoredRecord.objects.count() == kept_ids


def test_an_operator_changes_it() -> None:
    rows_at(timezone.now() - timedelta(days=3))
    with override_config(RETENTION_ERRORS_DAYS=2):
        from constance import config

        config.RETENTION_ERRORS_DAYS = 2
        runtime.forget()
        assert retention.prune()["groups"] == 2
    assert not ErrorOccurrence.objects.exists()
