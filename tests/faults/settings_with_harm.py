"""The site's settings, with tasks that do harm."""

from vatsim_site.settings import *  # noqa: F403

CELERY_IMPORTS = ("tests.faults.harm",)
