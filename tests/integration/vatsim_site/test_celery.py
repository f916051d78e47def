from django.conf import settings

from vatsim_site import celery_app


def test_every_route_leads_to_a_task_that_exists() -> None:
    celery_app.loader.import_default_modules()
    assert set(settings.CELERY_TASK_ROUTES) <= set(celery_app.tasks)
