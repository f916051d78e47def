"""The admin's index: what was collected first, in the order in which pages were registered."""

from typing import Any

from constance.apps import ConstanceConfig
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class Administration(AdminSite):
    """The one admin site."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The apps and their pages that this user may see."""
        apps: list[Any] = super().get_app_list(request, app_label)
        places = {model: place for place, model in enumerate(self._registry)}
        for app in apps:
            app["models"].sort(key=lambda page: places[page["model"]])
        return sorted(apps, key=lambda app: app["app_label"] != "collector")


class AdministrationConfig(AdminConfig):
    """Django's admin with that site."""

    default_site = "vatsim_site.administration.Administration"


class SettingsConfig(ConstanceConfig):  # type: ignore[misc] # constance has no types
    """What an operator changes while the system runs, under a name for people."""

    verbose_name = "Settings"
