"""Writes what docs/events.md says of every event type."""

from typing import Any

from django.core.management.base import BaseCommand

from monitoring.events.catalogue import catalogue


class Command(BaseCommand):
    """`manage.py describe_events > docs/events.md`."""

    help = "Describes every event type, for docs/events.md."

    def handle(self, **options: Any) -> None:
        """Print it."""
        self.stdout.write(catalogue(), ending="")
