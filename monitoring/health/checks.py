"""What this process needs before it can serve.

The messages are fixed sentences: anonymous readers see them, so they carry neither the error's
text nor a host name. What really happened is logged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache as remember

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable
from redis import RedisError


class Check(HealthCheck):  # type: ignore[misc] # health_check has no types
    """A check that is reported by its plain name."""

    def __repr__(self) -> str:
        return type(self).__name__.lower()


@dataclass(repr=False)
class Database(Check):
    """PostgreSQL answers."""

    def run(self) -> None:
        """Ask it for a number."""
        with _database_answers(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")


@dataclass(repr=False)
class Migrations(Check):
    """The database has every migration that this code needs."""

    def run(self) -> None:
        """Compare what was applied with what there is."""
        with _database_answers():
            applied = MigrationRecorder(connection).applied_migrations()
        if missing := len(_needed_migrations() - applied.keys()):
            raise ServiceUnavailable(f"{missing} migrations are not applied.")


@dataclass(repr=False)
class Cache(Check):
    """Redis takes a value and gives it back."""

    def run(self) -> None:
        """Make the round trip."""
        try:
            cache.set("health", "ok", timeout=5)
            kept = cache.get("health")
        except RedisError as error:
            raise ServiceUnavailable("The cache doesn't answer.") from error
        if kept != "ok":
            raise ServiceUnavailable("The cache doesn't keep what it is given.")


@contextmanager
def _database_answers() -> Iterator[None]:
    """Runs in a thread of the check's own, whose connection nobody else would close."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise ServiceUnavailable("The database doesn't answer.") from error
    finally:
        connection.close()


@remember
def _needed_migrations() -> frozenset[tuple[str, str]]:
    """The migrations on disk; they don't change while a process runs."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)
