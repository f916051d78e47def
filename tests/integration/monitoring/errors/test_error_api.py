"""Errors, their figures and what people decide about them, on the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.errors.kinds import Category, Severity, Strategy
from monitoring.errors.records import RecoveryRecord
from monitoring.errors.storing import hour_at, store
from monitoring.models import ErrorGroup
from tests.integration.monitoring.errors.records import count, error, kind

pytestmark = pytest.mark.django_db


def recovery(operation: str, successes: int, failures: int, seconds: float) -> RecoveryRecord:
    return RecoveryRecord(
        hour=hour_at(timezone.now()),
        strategy=Strategy.RETRY,
        service="collector",
        operation=operation,
        successes=successes,
        failures=failures,
        seconds=seconds,
    )


@pytest.fixture
def some_errors() -> None:
    now = timezone.now()
    slow = kind("too slow", category=Category.TIMEOUT, severity=Severity.MEDIUM, service="web")
    store(
        [
            *(error(at=now), count(9, at=now), error(slow, at=now), count(4, slow, at=now)),
            count(100, at=now - timedelta(days=3)),
            *(recovery("flush", 3, 1, 6.0), recovery("compact", 0, 4, 0.0)),
        ]
    )


def test_analytics_have_the_keys_of_the_contract_and_count_the_hours_asked_for(
    signed_in, some_errors
) -> None:
    answer = signed_in("viewer").get("/api/errors/analytics?hours=24").json()
    assert set(answer) >= {
        "total_errors", "errors_by_category", "errors_by_severity", "errors_by_service",
        "recovery_success_rate", "most_common_errors",
    }  # fmt: skip
    assert answer["total_errors"] == 15
    assert answer["errors_by_category"] == {"network": 10, "timeout": 5}
    assert answer["errors_by_severity"] == {"high": 10, "medium": 5}
    assert answer["errors_by_service"] == {"collector": 10, "web": 5}
    assert answer["recovery_success_rate"] == 3 / 8
    assert [(each["message"], each["count"]) for each in answer["most_common_errors"]] == [
        ("no answer", 10),
        ("too slow", 5),
    ]
    longer = signed_in("operator").get("/api/errors/analytics?hours=96").json()
    assert longer["total_errors"] == 115


def test_figures_of_nothing_are_no_figures(signed_in) -> None:
    client = signed_in("viewer")
    analytics = client.get("/api/errors/analytics").json()
    assert (analytics["total_errors"], analytics["recovery_success_rate"]) == (0, None)
    assert client.get("/api/errors/recovery").json()["strategies"] == []
    trends = client.get("/api/errors/trends").json()
    assert trends["rising"] == []
    assert len(trends["counts"]) == 25


def test_recovery_says_what_each_strategy_achieved(signed_in, some_errors) -> None:
    (retry,) = signed_in("viewer").get("/api/errors/recovery").json()["strategies"]
    assert (retry["strategy"], retry["service"]) == ("retry", "collector")
    assert (retry["attempts"], retry["successes"], retry["failures"]) == (8, 3, 5)
    assert (retry["success_rate"], retry["mean_time_to_recover"]) == (3 / 8, 2.0)
    compact, flush = retry["operations"]
    assert (compact["operation"], compact["success_rate"]) == ("compact", 0.0)
    assert compact["mean_time_to_recover"] is None
    assert flush["mean_time_to_recover"] == 2.0


def test_trends_count_by_hour_and_category_and_name_what_rises_with_its_figures(signed_in) -> None:
    now = timezone.now()
    usual, new = kind("usual"), kind("new", category=Category.TIMEOUT)
    for days in range(1, 8):
        store([count(20, usual, at=now - timedelta(days=days))])
    store([count(25, usual, at=now), count(40, new, at=now)])
    trends = signed_in("viewer").get("/api/errors/trends?hours=3").json()
    assert len(trends["counts"]) == 4
    assert trends["counts"][-1]["total"] == 65
    assert trends["counts"][-1]["by_category"] == {"network": 25, "timeout": 40}
    (rising,) = trends["rising"]
    assert rising["group"]["message"] == "new"
    rate = rising["rate"]
    assert (rate["count"], rate["usual"], rate["days"], rate["ratio"]) == (40, 0.0, 7, None)


def test_groups_are_listed_filtered_and_paged(signed_in, some_errors) -> None:
    client = signed_in("viewer")
    everything = client.get("/api/errors").json()["results"]
    assert {each["message"] for each in everything} == {"no answer", "too slow"}
    for query, found in (
        ("category=timeout", ["too slow"]),
        ("severity=high", ["no answer"]),
        ("service=web&status=open", ["too slow"]),
        ("status=resolved", []),
        ("search=SLOW", ["too slow"]),
        ("operation=nothing", []),
    ):
        answer = client.get(f"/api/errors?{query}").json()["results"]
        assert [each["message"] for each in answer] == found, query
    page = client.get("/api/errors?page_size=1").json()
    assert len(page["results"]) == 1
    assert len(client.get(page["next"]).json()["results"]) == 1
    assert len(client.get("/api/errors?correlation_id=correlation-1").json()["results"]) == 2
    assert client.get("/api/errors?status=bad").status_code == 400
    assert client.get("/api/errors?nonsense=1").status_code == 400


def test_a_group_shows_its_hours_and_its_errors(signed_in, some_errors) -> None:
    group = ErrorGroup.objects.get(message="no answer")
    answer = signed_in("viewer").get(f"/api/errors/{group.pk}").json()
    assert answer["count"] == 110
    assert [each["count"] for each in answer["counts"]] == [10, 100]
    (occurrence,) = answer["occurrences"]
    assert occurrence["context"] == {"n": 1}
    assert occurrence["traceback"]


@pytest.mark.parametrize(
    ("action", "status"), [("resolve", "resolved"), ("ignore", "ignored"), ("reopen", "open")]
)
def test_operators_decide_and_it_is_recorded_who_did(
    signed_in, some_errors, action: str, status: str
) -> None:
    group = ErrorGroup.objects.get(message="no answer")
    ErrorGroup.objects.update(status="ignored" if status != "ignored" else "open")
    client = signed_in("operator")
    first = client.post(f"/api/errors/{group.pk}/{action}").json()
    assert (first["status"], first["decided_by"]) == (status, "operator")
    assert signed_in("administrator").post(f"/api/errors/{group.pk}/{action}").json() == first
    assert signed_in("viewer").post(f"/api/errors/{group.pk}/{action}").status_code == 403


@pytest.mark.parametrize("pk", ["1", "9" * 30])
def test_an_unknown_group_or_task_is_404(signed_in, pk: str) -> None:
    client = signed_in("operator")
    assert client.get(f"/api/errors/{pk}").status_code == 404
    assert client.post(f"/api/errors/{pk}/resolve").status_code == 404
    assert client.post(f"/api/tasks/failed/{pk}/retry").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["errors", "errors/analytics", "errors/recovery", "errors/trends", "errors/1", "tasks/failed"],
)
def test_anonymous_readers_see_nothing(api, path: str) -> None:
    assert api.get(f"/api/{path}").status_code == 401


@pytest.mark.parametrize("hours", ["0", "721", "x", "-1", "9" * 40])
def test_hours_out_of_range_are_refused(signed_in, hours: str) -> None:
    answer = signed_in("viewer").get(f"/api/errors/analytics?hours={hours}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["hours"]
