"""The application that everything else rests on."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, post_save
from django.utils.module_loading import autodiscover_modules


class MonitoringConfig(AppConfig):
    """Connects receivers and registers checks and schema extensions."""

    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        """Connect what listens and load what registers itself."""
        from celery.signals import beat_init, worker_ready, worker_shutdown
        from constance.signals import config_updated
        from django.core.signals import got_request_exception

        from monitoring import checks, receivers  # noqa: F401 - registers the checks
        from monitoring.api import errors, schema  # noqa: F401 - registers the token scheme
        from monitoring.errors import hooks, sentry, site_task
        from monitoring.errors.signals import occurrence_stored
        from monitoring.events import webhooks
        from monitoring.models import BreakerTransition

        autodiscover_modules("signals")  # every process knows every type of event
        post_migrate.connect(receivers.keep_groups, sender=self)
        config_updated.connect(receivers.forget_operations)
        webhooks.connect()
        occurrence_stored.connect(receivers.publish_error)
        post_save.connect(receivers.publish_breaker_change, sender=BreakerTransition)
        worker_ready.connect(receivers.announce_worker)
        worker_shutdown.connect(receivers.announce_worker_end)
        beat_init.connect(receivers.announce_beat)
        got_request_exception.connect(errors.report_unhandled)
        hooks.install()
        sentry.initialise()
        site_task.connect()
