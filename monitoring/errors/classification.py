"""Which category and severity an error has: a table from exception classes, that apps extend.

A rule names a class by its dotted name, so that nothing is imported for the table's sake. The most
specific one counts: that of the class itself, else of its nearest ancestor that has one. A rule
may be a function of the error where the class alone doesn't tell.
"""

from collections.abc import Callable
from typing import NamedTuple

from monitoring.errors.fingerprint import type_name
from monitoring.errors.kinds import Category, Severity


class Judgement(NamedTuple):
    """What an error is."""

    category: Category
    severity: Severity


Rule = Judgement | Callable[[BaseException], Judgement]

LOW, MEDIUM, HIGH, CRITICAL = Severity
NETWORK, DATABASE, API = Category.NETWORK, Category.DATABASE, Category.API
VALIDATION, CONFIGURATION = Category.VALIDATION, Category.CONFIGURATION
RESOURCE, TIMEOUT, UNKNOWN = Category.RESOURCE, Category.TIMEOUT, Category.UNKNOWN


def _by_reason(error: BaseException) -> Judgement:
    """Of a request to others that failed for a passing reason, which it names."""
    is_timeout = getattr(error, "reason", "") == "timeout"
    return Judgement(TIMEOUT if is_timeout else NETWORK, MEDIUM)


_rules: dict[str, Rule] = {
    # Python's own
    "BaseException": Judgement(UNKNOWN, HIGH),
    "ConnectionError": Judgement(NETWORK, MEDIUM),
    "socket.gaierror": Judgement(NETWORK, MEDIUM),
    "ssl.SSLError": Judgement(NETWORK, MEDIUM),
    "urllib.error.URLError": Judgement(NETWORK, MEDIUM),
    "http.client.HTTPException": Judgement(NETWORK, MEDIUM),
    "TimeoutError": Judgement(TIMEOUT, MEDIUM),
    "MemoryError": Judgement(RESOURCE, CRITICAL),
    "RecursionError": Judgement(RESOURCE, HIGH),
    "OSError": Judgement(RESOURCE, HIGH),
    "UnicodeError": Judgement(VALIDATION, MEDIUM),
    "ImportError": Judgement(CONFIGURATION, CRITICAL),
    # What comes in and does not fit
    "django.core.exceptions.ValidationError": Judgement(VALIDATION, LOW),
    "rest_framework.exceptions.APIException": Judgement(API, MEDIUM),
    "rest_framework.exceptions.ValidationError": Judgement(VALIDATION, LOW),
    "msgspec.MsgspecError": Judgement(VALIDATION, MEDIUM),
    "json.decoder.JSONDecodeError": Judgement(VALIDATION, MEDIUM),
    # How the site is set up
    "django.core.exceptions.ImproperlyConfigured": Judgement(CONFIGURATION, CRITICAL),
    "django.template.exceptions.TemplateDoesNotExist": Judgement(CONFIGURATION, HIGH),
    # PostgreSQL
    "django.db.utils.Error": Judgement(DATABASE, HIGH),
    "django.db.utils.OperationalError": Judgement(DATABASE, CRITICAL),
    "django.db.utils.InterfaceError": Judgement(DATABASE, CRITICAL),
    "psycopg.Error": Judgement(DATABASE, HIGH),
    "psycopg.OperationalError": Judgement(DATABASE, CRITICAL),
    "psycopg.errors.QueryCanceled": Judgement(TIMEOUT, HIGH),
    # Redis and the broker
    "redis.exceptions.RedisError": Judgement(DATABASE, HIGH),
    "redis.exceptions.ConnectionError": Judgement(NETWORK, HIGH),
    "redis.exceptions.TimeoutError": Judgement(TIMEOUT, HIGH),
    "redis.exceptions.OutOfMemoryError": Judgement(RESOURCE, CRITICAL),
    "kombu.exceptions.OperationalError": Judgement(NETWORK, HIGH),
    # HTTP to others
    "urllib3.exceptions.HTTPError": Judgement(NETWORK, MEDIUM),
    "urllib3.exceptions.TimeoutError": Judgement(TIMEOUT, MEDIUM),
    "monitoring.outgoing.OutgoingError": Judgement(API, MEDIUM),
    "monitoring.outgoing.Unavailable": _by_reason,
    # Celery
    "billiard.exceptions.SoftTimeLimitExceeded": Judgement(TIMEOUT, HIGH),
    "billiard.exceptions.TimeLimitExceeded": Judgement(TIMEOUT, HIGH),
    "billiard.exceptions.WorkerLostError": Judgement(RESOURCE, HIGH),
    "monitoring.errors.starts.WorkerDied": Judgement(RESOURCE, CRITICAL),
}

# How code says something else than that it failed.
_not_errors = {
    "celery.exceptions.TaskPredicate",  # a retry, a rejected or ignored message
    "django.http.response.Http404",
    "django.core.exceptions.PermissionDenied",
    "monitoring.errors.breakers.BreakerOpen",  # what opened the breaker was reported
}


# By class, since classes are few and errors may be many.
_rule_of: dict[type[BaseException], Rule] = {}
_is_error: dict[type[BaseException], bool] = {}


def register(kind: type[BaseException] | str, rule: Rule) -> None:
    """Add a rule for a class or its dotted name, or replace the one that there is."""
    _rules[kind if isinstance(kind, str) else type_name(kind)] = rule
    _rule_of.clear()


def classify(error: BaseException) -> Judgement:
    """The category and severity of an error."""
    kind = type(error)
    if kind not in _rule_of:
        _rule_of[kind] = next(_rules[name] for name in _names(kind) if name in _rules)
    rule = _rule_of[kind]
    return rule if isinstance(rule, Judgement) else rule(error)


def is_error(kind: type[BaseException]) -> bool:
    """Whether exceptions of a class are failures at all; the end of a process is none."""
    if kind not in _is_error:
        _is_error[kind] = issubclass(kind, Exception) and _not_errors.isdisjoint(_names(kind))
    return _is_error[kind]


def _names(kind: type[BaseException]) -> list[str]:
    """The dotted names of a class and its ancestors, the nearest first."""
    return [type_name(each) for each in kind.__mro__]
