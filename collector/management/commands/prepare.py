"""`manage.py prepare`: what the site needs before it starts, made where it is missing."""

import json
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from collector.services.sources import SourceConflict, decide_source
from monitoring.schedule import (
    Schedule,
    all_schedules,
    install_schedules,
    remove_result_cleanup,
)


class Command(BaseCommand):
    """Brings database, schedules, first superuser and static files up to date.

    Running it again is harmless. People read its progress on stderr; stdout carries the result.
    """

    help = "Bring database, schedules, first superuser and static files up to date."

    def handle(self, **_: Any) -> str:
        """Do each step and return the result as JSON."""
        self._require_servers()
        self._say("Bringing the database up to date ...")
        call_command("migrate", verbosity=0, interactive=False)
        made_superuser = self._make_superuser()
        source = self._decide_source()
        install_schedules([*_collecting(source), *all_schedules()])
        remove_result_cleanup()
        self._build_basemap()
        self._say("Collecting the static files ...")
        call_command("collectstatic", verbosity=0, interactive=False)
        return json.dumps({"feed_source": source, "made_superuser": made_superuser})

    def _require_servers(self) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            raise CommandError(f"DATABASE_URL: PostgreSQL does not answer: {error}") from None
        try:
            redis.Redis.from_url(settings.REDIS_BROKER_URL, socket_timeout=5).ping()
        except redis.RedisError as error:
            raise CommandError(f"REDIS_URL: Redis does not answer: {error}") from None

    def _make_superuser(self) -> bool:
        if User.objects.filter(is_superuser=True).exists():
            return False
        if not settings.ADMIN_PASSWORD:
            raise CommandError("ADMIN_PASSWORD: the first start needs one for the user admin.")
        User.objects.create_superuser("admin", password=settings.ADMIN_PASSWORD)
        return True

    def _decide_source(self) -> str:
        try:
            return str(decide_source().kind)
        except SourceConflict as error:
            raise CommandError(str(error), returncode=2) from None

    def _build_basemap(self) -> None:
        try:
            call_command("build_basemap")
        except CommandError as error:
            self._say(f"Drawings will show no land. {error}")

    def _say(self, text: str) -> None:
        self.stderr.write(text, style_func=str)


def _collecting(source: str) -> list[Schedule]:
    """Poll and flush; the replay of recorded feeds stands in for the poll."""
    poll_s, flush_s = settings.POLL_INTERVAL_SECONDS, settings.FLUSH_INTERVAL_SECONDS
    return [
        Schedule(
            "collector.tasks.poll", poll_s, poll_s - 1, "collecting", enabled=source != "recorded"
        ),
        Schedule("collector.tasks.flush", flush_s, max(flush_s - 1, 1), "collecting"),
    ]
