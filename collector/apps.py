"""The Django application that collects the network."""

from django.apps import AppConfig


class CollectorConfig(AppConfig):
    """Collects the network: from the feed to rows."""

    name = "collector"

    def ready(self) -> None:
        """Say what kind of failures the collector's own exceptions are."""
        from collector.decoding import FeedRejected
        from monitoring.errors.classification import Judgement, register
        from monitoring.errors.kinds import Category, Severity

        register(FeedRejected, Judgement(Category.VALIDATION, Severity.MEDIUM))
