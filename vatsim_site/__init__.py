"""Composition: settings, addresses, the Celery application and the launcher."""

from vatsim_site.celery import app as celery_app

__all__ = ["celery_app"]
