"""What kind of failure an exception is."""

import psycopg
import pytest
import redis
import urllib3
from billiard.exceptions import SoftTimeLimitExceeded
from celery.exceptions import Ignore, Reject, Retry
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError
from django.http import Http404

from collector.decoding import FeedRejected
from collector.feed import FeedRefused, FeedUnavailable
from monitoring.errors import classification
from monitoring.errors.breakers import BreakerOpen
from monitoring.errors.classification import Judgement, classify, is_error, register
from monitoring.errors.kinds import Category, Severity


@pytest.mark.parametrize(
    ("error", "category", "severity"),
    [
        (ValueError(), "unknown", "high"),
        (MemoryError(), "resource", "critical"),
        (ConnectionResetError(), "network", "medium"),
        (TimeoutError(), "timeout", "medium"),
        (FileNotFoundError(), "resource", "high"),
        (ImproperlyConfigured(), "configuration", "critical"),
        (DatabaseError(), "database", "high"),
        (OperationalError(), "database", "critical"),
        (psycopg.errors.QueryCanceled(), "timeout", "high"),
        (psycopg.errors.UniqueViolation(), "database", "high"),
        (redis.TimeoutError(), "timeout", "high"),
        (redis.BusyLoadingError(), "network", "high"),
        (urllib3.exceptions.ReadTimeoutError(None, "", ""), "timeout", "medium"),
        (urllib3.exceptions.NewConnectionError(None, ""), "timeout", "medium"),
        (SoftTimeLimitExceeded(), "timeout", "high"),
        (FeedUnavailable("timeout"), "timeout", "medium"),
        (FeedUnavailable("dns"), "network", "medium"),
        (FeedRefused("too_large"), "api", "medium"),
        (FeedRejected("future", ""), "validation", "medium"),
    ],
)
def test_the_most_specific_rule_of_the_table_counts(
    error: BaseException, category: str, severity: str
) -> None:
    assert classify(error) == (category, severity)


def test_an_app_adds_rules_by_class_or_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "_rules", dict(classification._rules))
    monkeypatch.setattr(classification, "_rule_of", {})

    class Special(ValueError): ...

    assert classify(Special()).category is Category.UNKNOWN
    register(Special, Judgement(Category.API, Severity.LOW))
    register("ValueError", lambda error: Judgement(Category.RESOURCE, Severity(str(error))))
    assert classify(Special()) == (Category.API, Severity.LOW)
    assert classify(UnicodeError()).category is Category.VALIDATION
    assert classify(ValueError("critical")) == (Category.RESOURCE, Severity.CRITICAL)


@pytest.mark.parametrize(
    "kind", [Retry, Reject, Ignore, Http404, BreakerOpen, KeyboardInterrupt, SystemExit]
)
def test_what_is_no_failure(kind: type[BaseException]) -> None:
    assert not is_error(kind)


def test_every_rule_names_a_class_that_there_is() -> None:
    from django.utils.module_loading import import_string

    for name in {*classification._rules, *classification._not_errors}:
        kind = import_string(name if "." in name else f"builtins.{name}")
        assert classification.type_name(kind) == name
