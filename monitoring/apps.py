"""The application that everything else rests on."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MonitoringConfig(AppConfig):
    """Connects receivers and registers checks and schema extensions."""

    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        """Connect what listens and load what registers itself."""
        from constance.signals import config_updated

        from monitoring import checks, receivers  # noqa: F401 - registers the checks
        from monitoring.api import schema  # noqa: F401 - registers the token scheme

        post_migrate.connect(receivers.keep_groups, sender=self)
        config_updated.connect(receivers.forget_operations)
