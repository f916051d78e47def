"""What the counts of errors and recoveries say. Hours are whole, by the wall clock, in UTC."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.db.models import Min, QuerySet, Sum
from django.utils import timezone
from msgspec import Meta, Struct

from monitoring.errors.kinds import Category, Severity, Strategy
from monitoring.errors.rates import HOUR, Rate, hours_needed, rate_of
from monitoring.errors.storing import hour_at
from monitoring.models import ErrorCount, ErrorGroup, RecoveryCount

MOST_COMMON = 10
MOST_RISING = 50


class GroupCount(Struct):
    """A group of errors, and how many it had in the time asked for."""

    id: int
    exception_type: str
    message: str
    category: Category
    severity: Severity
    service: str
    operation: str
    status: Annotated[str, Meta(description="open, resolved or ignored")]
    last_seen_at: datetime
    count: int


class Analytics(Struct):
    """Errors in the time asked for."""

    hours: int
    since: datetime
    total_errors: int
    errors_by_category: dict[Category, int]
    errors_by_severity: dict[Severity, int]
    errors_by_service: dict[str, int]
    recovery_success_rate: Annotated[
        float | None, Meta(description="From 0 to 1; null where nothing was tried")
    ]
    most_common_errors: list[GroupCount]


class Recovery(Struct):
    """What a strategy achieved."""

    attempts: int
    successes: int
    failures: int
    success_rate: Annotated[float, Meta(description="From 0 to 1")]
    mean_time_to_recover: Annotated[
        float | None,
        Meta(description="Seconds from the first failure; null where nothing recovered"),
    ]


class OperationRecovery(Recovery):
    """A strategy at one operation."""

    operation: str


class StrategyRecovery(Recovery):
    """A strategy in a service, and at each of its operations."""

    strategy: Strategy
    service: str
    operations: list[OperationRecovery]


class Recoveries(Struct):
    """What was tried in the time asked for."""

    hours: int
    since: datetime
    strategies: list[StrategyRecovery]


class HourCount(Struct):
    """The errors of an hour."""

    hour: datetime
    total: int
    by_category: dict[Category, int]


class Rising(Struct):
    """A group of errors that comes more often than usual, and the figures that say so."""

    group: GroupCount
    rate: Rate


class Trends(Struct):
    """The errors hour by hour, and what is rising in the last complete hour or in this one."""

    hours: int
    since: datetime
    counts: list[HourCount]
    rising: list[Rising]


def analyse(hours: int, now: datetime | None = None) -> Analytics:
    """The last `hours` hours, and the one that has begun."""
    since = _since(hours, now)
    counts = ErrorCount.objects.filter(hour__gte=since)
    by_category = _sums(counts, "group__category")
    return Analytics(
        hours=hours,
        since=since,
        total_errors=sum(by_category.values()),
        errors_by_category={Category(name): n for name, n in by_category.items()},
        errors_by_severity={Severity(k): n for k, n in _sums(counts, "group__severity").items()},
        errors_by_service=_sums(counts, "group__service"),
        recovery_success_rate=_success_rate(since),
        most_common_errors=_most_common(counts),
    )


def recoveries(hours: int, now: datetime | None = None) -> Recoveries:
    """Each strategy in each service."""
    since = _since(hours, now)
    rows = (
        RecoveryCount.objects.filter(hour__gte=since)
        .values("strategy", "service", "operation")
        .annotate(
            tried=Sum("attempts"),
            succeeded=Sum("successes"),
            failed=Sum("failures"),
            seconds=Sum("recover_seconds"),
        )
        .order_by("strategy", "service", "operation")
    )
    services: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        services[row["strategy"], row["service"]].append(row)
    strategies = [
        StrategyRecovery(
            **_recovery(parts),
            strategy=Strategy(strategy),
            service=service,
            operations=[
                OperationRecovery(**_recovery([part]), operation=part["operation"])
                for part in parts
            ],
        )
        for (strategy, service), parts in services.items()
    ]
    return Recoveries(hours, since, strategies)


def trends(hours: int, now: datetime | None = None) -> Trends:
    """Each hour by category, and the groups that are rising."""
    since = _since(hours, now)
    return Trends(hours, since, _by_hour(since, now), _rising(now or timezone.now()))


def counts_of(group: ErrorGroup, hours: int) -> dict[datetime, int]:
    """How many errors of a group each of the last hours had that had any, newest first."""
    rows = ErrorCount.objects.filter(group=group, hour__gte=_since(hours, None))
    return dict(rows.order_by("-hour").values_list("hour", "count"))


def _since(hours: int, now: datetime | None) -> datetime:
    return hour_at(now or timezone.now()) - timedelta(hours=hours)


def _sums(counts: "QuerySet[ErrorCount]", field: str) -> dict[str, int]:
    rows = counts.values(field).annotate(total=Sum("count")).order_by("-total", field)
    return {row[field]: row["total"] for row in rows}


def _success_rate(since: datetime) -> float | None:
    totals = RecoveryCount.objects.filter(hour__gte=since).aggregate(
        attempts=Sum("attempts"), successes=Sum("successes")
    )
    return totals["successes"] / totals["attempts"] if totals["attempts"] else None


def _most_common(counts: "QuerySet[ErrorCount]") -> list[GroupCount]:
    rows = counts.values("group").annotate(total=Sum("count")).order_by("-total", "group")
    totals = {row["group"]: row["total"] for row in rows[:MOST_COMMON]}
    groups = ErrorGroup.objects.in_bulk(list(totals))
    return [_group_count(groups[pk], total) for pk, total in totals.items() if pk in groups]


def _group_count(group: ErrorGroup, count: int) -> GroupCount:
    return GroupCount(
        id=group.pk,
        exception_type=group.exception_type,
        message=group.message,
        category=Category(group.category),
        severity=Severity(group.severity),
        service=group.service,
        operation=group.operation,
        status=group.status,
        last_seen_at=group.last_seen_at,
        count=count,
    )


def _recovery(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    attempts = sum(part["tried"] for part in parts)
    successes = sum(part["succeeded"] for part in parts)
    seconds = sum(part["seconds"] for part in parts)
    return {
        "attempts": attempts,
        "successes": successes,
        "failures": sum(part["failed"] for part in parts),
        "success_rate": successes / attempts if attempts else 0.0,
        "mean_time_to_recover": seconds / successes if successes else None,
    }


def _by_hour(since: datetime, now: datetime | None) -> list[HourCount]:
    """Every hour, those without an error too."""
    categories: dict[datetime, Counter[Category]] = defaultdict(Counter)
    rows = ErrorCount.objects.filter(hour__gte=since).values("hour", "group__category")
    for row in rows.annotate(total=Sum("count")).order_by():
        categories[row["hour"]][Category(row["group__category"])] += row["total"]
    hour, last, counts = since, hour_at(now or timezone.now()), []
    while hour <= last:
        by_category = categories[hour]
        counts.append(HourCount(hour, by_category.total(), dict(by_category)))
        hour += HOUR
    return counts


def _rising(now: datetime) -> list[Rising]:
    """The groups by how many errors they have more than usual, the most first."""
    first = ErrorCount.objects.aggregate(first=Min("hour"))["first"]
    if first is None:
        return []
    this_hour = hour_at(now)
    rates: dict[int, Rate] = {}
    for hour in (this_hour - HOUR, this_hour):
        rates |= _rising_in(hour, first)
    groups = ErrorGroup.objects.exclude(status=ErrorGroup.Status.IGNORED).in_bulk(list(rates))
    found = [Rising(_group_count(groups[pk], rates[pk].count), rates[pk]) for pk in groups]
    found.sort(key=lambda each: each.rate.usual - each.rate.count)
    return found[:MOST_RISING]


def _rising_in(hour: datetime, first: datetime) -> dict[int, Rate]:
    counts: dict[int, dict[datetime, int]] = defaultdict(dict)
    rows = ErrorCount.objects.filter(hour__in=hours_needed(hour))
    for group, at, count in rows.values_list("group", "hour", "count"):
        counts[group][at] = count
    rates = {group: rate_of(of_group, hour, first) for group, of_group in counts.items()}
    return {group: rate for group, rate in rates.items() if rate.is_rising}
