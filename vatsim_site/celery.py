"""The Celery application, which finds the tasks of every installed app."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vatsim_site.settings")

app = Celery("vatsim_site", task_cls="monitoring.errors.site_task:SiteTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
