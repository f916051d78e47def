"""Periodic tasks: how an app says which it has, and how they reach Celery beat's table."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.utils.module_loading import module_has_submodule
from django_celery_beat.models import IntervalSchedule, PeriodicTask


@dataclass(frozen=True)
class Schedule:
    """A task that runs again and again; an app lists its own as `tasks.SCHEDULE`.

    The interval counts for a new installation only: the table, which the admin edits, has the
    last word.
    """

    task: str  # its dotted name, and that of its row
    every_s: int
    expires_s: int | None = None  # a run that waited longer is dropped
    queue: str = "general"
    enabled: bool = True


def all_schedules() -> list[Schedule]:
    """The periodic tasks of every installed app."""
    modules = [
        import_module(f"{app.name}.tasks")
        for app in apps.get_app_configs()
        if app.module and module_has_submodule(app.module, "tasks")
    ]
    return [schedule for module in modules for schedule in getattr(module, "SCHEDULE", ())]


def install_schedules(schedules: Iterable[Schedule]) -> int:
    """Add what beat's table lacks, leave what it has, and return how many were added."""
    return sum(_install(schedule) for schedule in schedules)


def remove_result_cleanup() -> int:
    """Remove the task with which beat wanted to clear away results, which nothing keeps."""
    _, removed = PeriodicTask.objects.filter(task="celery.backend_cleanup").delete()
    return removed.get(PeriodicTask._meta.label, 0)


def _install(schedule: Schedule) -> bool:
    _, is_new = PeriodicTask.objects.get_or_create(
        name=schedule.task,
        defaults={
            "task": schedule.task,
            "interval": _interval(schedule.every_s),
            "expire_seconds": schedule.expires_s,
            "queue": schedule.queue,
            "enabled": schedule.enabled,
        },
    )
    return is_new


def _interval(every_s: int) -> IntervalSchedule:
    # Its table knows no uniqueness.
    wanted = {"every": every_s, "period": IntervalSchedule.SECONDS}
    found = IntervalSchedule.objects.filter(**wanted).first()
    return found or IntervalSchedule.objects.create(**wanted)
