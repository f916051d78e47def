"""Publishes events of the tests, as any code does."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from monitoring.events.publishing import NewEvent, publish_many
from monitoring.events.signals import signal_of
from tests.faults.handlers.signals import Tried


class Command(BaseCommand):
    """`manage.py publish_tried TYPE COUNT`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("type")
        parser.add_argument("count", type=int)

    def handle(self, **options: Any) -> None:
        signal, count, now = signal_of(options["type"]), options["count"], timezone.now()
        with transaction.atomic():
            publish_many([NewEvent(signal, Tried(n), now) for n in range(count)])
