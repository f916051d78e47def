"""What beat runs: the table has the last word over the lists in the code."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from monitoring.schedule import Schedule, all_schedules, install_schedules
from vatsim_site import celery_app

pytestmark = pytest.mark.django_db

TIDY = Schedule("collector.tasks.tidy", every_s=60, expires_s=50)


def test_a_new_installation_gets_every_schedule() -> None:
    PeriodicTask.objects.all().delete()
    assert install_schedules([TIDY]) == 1
    task = PeriodicTask.objects.get(name=TIDY.task)
    assert (task.task, task.interval.every, task.interval.period) == (TIDY.task, 60, "seconds")
    assert (task.queue, task.expire_seconds, task.enabled) == ("general", 50, True)


def test_installing_again_leaves_what_an_operator_changed() -> None:
    install_schedules([TIDY])
    other, _ = IntervalSchedule.objects.get_or_create(every=7, period="minutes")
    PeriodicTask.objects.filter(name=TIDY.task).update(interval=other, enabled=False)
    assert install_schedules([TIDY]) == 0
    task = PeriodicTask.objects.get(name=TIDY.task)
    assert (task.interval.every, task.enabled) == (7, False)


def test_two_equal_intervals_in_the_table_do_no_harm() -> None:
    for _ in range(2):
        IntervalSchedule.objects.create(every=60, period="seconds")
    assert install_schedules([TIDY]) == 1


def test_every_scheduled_task_exists() -> None:
    celery_app.loader.import_default_modules()
    assert {schedule.task for schedule in all_schedules()} <= set(celery_app.tasks)
