"""The site's settings with the application of misbehaving handlers."""

from vatsim_site.settings import *  # noqa: F403
from vatsim_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.handlers.apps.HandlersConfig"]
