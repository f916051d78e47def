"""What monitoring does when something happened elsewhere."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q, QuerySet

from monitoring import lifecycle, runtime
from monitoring.errors.kinds import BreakerState, Category, Severity
from monitoring.events.delivery import BREAKERS
from monitoring.models import BreakerTransition, ErrorGroup, ErrorOccurrence
from monitoring.roles import GROUP_ROLES, Role
from monitoring.signals import (
    CIRCUIT_BREAKER_CHANGED,
    ERROR_OCCURRED,
    BreakerChanged,
    ErrorOccurred,
)

# What an administrator manages beside our own apps: users, schedules, settings, the admin's log.
ADMINISTERED_APPS = ("admin", "auth", "constance", "django_celery_beat")


def keep_groups(*, using: str, apps: Apps = installed_apps, **_: Any) -> None:
    """Make the three groups and give each exactly its permissions, those of new models too.

    It runs after every `migrate` (and so after the test runner's flush), when all tables exist;
    a data migration would know only the models of its own day.
    """
    if not _knows_groups(apps):
        return  # auth was migrated back to nothing
    for app in installed_apps.get_app_configs():
        create_permissions(app, verbosity=0, using=using)
    for role in GROUP_ROLES:
        group, _created = Group.objects.using(using).get_or_create(name=role.group_name)
        group.permissions.set(_permissions_of(role, using))


def forget_operations(**_: Any) -> None:
    """Make this process read the operator's settings anew at once after it changed one."""
    runtime.forget()


def publish_error(*, occurrence: ErrorOccurrence, group: ErrorGroup, **facts: Any) -> None:
    """Publish that an error was kept, in the transaction that keeps it."""
    if occurrence.context.get("event_type") == ERROR_OCCURRED.name:
        return  # a handler of these very events failed: another one would be its next
    payload = ErrorOccurred(
        group_id=group.pk,
        occurrence_id=occurrence.pk,
        exception_type=group.exception_type,
        message=group.message,
        severity=Severity(occurrence.severity),
        category=Category(occurrence.category),
        service=occurrence.service,
        operation=occurrence.operation,
        is_new=facts["is_new"],
        is_back=facts["is_back"],
    )
    ERROR_OCCURRED.publish(
        payload,
        occurred_at=occurrence.at,
        subject=occurrence.operation,
        correlation_id=occurrence.correlation_id,
    )


def publish_breaker_change(*, instance: BreakerTransition, created: bool, **_: Any) -> None:
    """Publish a circuit breaker's new state, in the transaction that keeps it."""
    if not created or _is_probe_of_handler(instance):
        return
    payload = BreakerChanged(
        name=instance.name,
        from_state=BreakerState(instance.from_state),
        to_state=BreakerState(instance.to_state),
        reason=instance.reason,
        at=instance.at,
    )
    with transaction.atomic():
        CIRCUIT_BREAKER_CHANGED.publish(payload, occurred_at=instance.at, subject=instance.name)


def announce_worker(*, sender: Any, **_: Any) -> None:
    """Publish that a Celery worker is ready for tasks."""
    lifecycle.announce_start(sender.hostname)


def announce_worker_end(*, sender: Any, **_: Any) -> None:
    """Publish that a Celery worker has ended its tasks."""
    lifecycle.announce_stop(sender.hostname)


def announce_beat(**_: Any) -> None:
    """Publish that Celery beat begins and, later, that it ends."""
    lifecycle.announce_process("beat")


def _is_probe_of_handler(change: BreakerTransition) -> bool:
    """Whether a handler is only being tried: told of each probe, it would owe the next one."""
    states = {change.from_state, change.to_state}
    is_probe = states == {BreakerState.HALF_OPEN, BreakerState.OPEN}
    return is_probe and change.name.startswith(BREAKERS)


def _knows_groups(apps: Apps) -> bool:
    try:
        apps.get_model("auth", "Group")
    except LookupError:
        return False
    return True


def _permissions_of(role: Role, using: str) -> QuerySet[Permission]:
    """What a role may do, as rows of Django's.

    Viewers see; operators also do what a permission named `operate_…` allows; the rest is the
    administrator's. Who holds which token is not for viewers.
    """
    ours = Q(content_type__app_label__in=_own_app_labels())
    if role is Role.ADMINISTRATOR:
        allowed = ours | Q(content_type__app_label__in=ADMINISTERED_APPS)
    else:
        allowed = ours & Q(codename__startswith="view_") & ~Q(content_type__model="apitoken")
    if role is Role.OPERATOR:
        allowed |= ours & Q(codename__startswith="operate_")
    return Permission.objects.using(using).filter(allowed)


def _own_app_labels() -> list[str]:
    return [app.label for app in installed_apps.get_app_configs() if _is_ours(app)]


def _is_ours(app: AppConfig) -> bool:
    return Path(app.path).parent == settings.BASE_DIR
