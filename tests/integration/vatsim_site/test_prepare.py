import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from vatsim_site import celery_app

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def configured(settings: Any, tmp_path: Path) -> Any:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.ADMIN_PASSWORD = "correct horse"
    settings.FEED = "simulated"
    return settings


def prepare() -> dict[str, Any]:
    return json.loads(call_command("prepare", stdout=StringIO(), stderr=StringIO()))


def test_a_first_run_makes_administrator_groups_schedules_and_static_files(tmp_path: Path) -> None:
    assert prepare() == {"feed_source": "simulated", "made_superuser": True}
    assert User.objects.get(username="admin").check_password("correct horse")
    assert set(Group.objects.values_list("name", flat=True)) == {
        "viewer",
        "operator",
        "administrator",
    }
    assert PeriodicTask.objects.filter(task="collector.tasks.poll", queue="collecting").exists()
    assert (tmp_path / "static" / "admin").is_dir()


def test_a_second_run_changes_nothing(configured: Any) -> None:
    prepare()
    before = list(PeriodicTask.objects.values_list("name", "interval", "enabled"))
    configured.ADMIN_PASSWORD = "another"
    assert prepare() == {"feed_source": "simulated", "made_superuser": False}
    assert User.objects.get(username="admin").check_password("correct horse")
    assert list(PeriodicTask.objects.values_list("name", "interval", "enabled")) == before


def test_a_poll_that_waited_for_its_successor_is_dropped(configured: Any) -> None:
    prepare()
    poll = PeriodicTask.objects.get(task="collector.tasks.poll")
    assert poll.interval.every == configured.POLL_INTERVAL_SECONDS
    assert poll.expire_seconds < configured.POLL_INTERVAL_SECONDS


def test_recorded_feeds_are_not_polled(configured: Any, tmp_path: Path) -> None:
    configured.FEED = str(tmp_path)
    assert prepare()["feed_source"] == "recorded"
    assert not PeriodicTask.objects.get(task="collector.tasks.poll").enabled
    assert PeriodicTask.objects.get(task="collector.tasks.flush").enabled


def test_without_a_password_the_first_run_asks_for_one(configured: Any) -> None:
    configured.ADMIN_PASSWORD = ""
    with pytest.raises(CommandError, match="ADMIN_PASSWORD"):
        prepare()


def test_a_redis_that_does_not_answer_is_named(configured: Any) -> None:
    configured.REDIS_BROKER_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="REDIS_URL"):
        prepare()


def test_the_removal_of_results_that_nothing_keeps_is_taken_away(configured: Any) -> None:
    daily = CrontabSchedule.objects.create(minute="0", hour="4")
    name = "celery.backend_cleanup"
    PeriodicTask.objects.create(name=name, task=name, crontab=daily)
    prepare()
    assert PeriodicTask.objects.exists()
    assert not PeriodicTask.objects.filter(task=name).exists()


def test_beat_brings_no_task_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    brought: dict[str, Any] = {}
    monkeypatch.setattr(DatabaseScheduler, "update_from_dict", lambda _, more: brought.update(more))
    DatabaseScheduler(celery_app, lazy=True).install_default_entries({})
    assert brought == {}
