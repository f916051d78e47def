"""What monitoring does when something happened elsewhere."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from monitoring import runtime
from monitoring.roles import GROUP_ROLES, Role

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
