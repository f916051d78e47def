"""How every part of the system is now, as far as apps have said how to find out."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from health_check.base import HealthCheckResult

from monitoring.health.checks import Cache, Database, Migrations

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

# Measures parts of the system: the condition of each by its name.
Measure = Callable[[], Mapping[str, str]]

CHECKS = (Database, Migrations, Cache)

_measures: list[Measure] = []


def register(measure: Measure) -> Measure:
    """Have `measure` asked, too, whenever the system's health is checked."""
    if measure not in _measures:
        _measures.append(measure)
    return measure


def measure_all() -> dict[str, str]:
    """The condition of each part, by its name."""
    conditions = {
        repr(result.check): UNHEALTHY if result.error else HEALTHY
        for result in asyncio.run(_results())
    }
    for measure in _measures:
        conditions.update(measure())
    return conditions


async def _results() -> Iterable[HealthCheckResult]:
    return await asyncio.gather(*(check().get_result() for check in CHECKS))
