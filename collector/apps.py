"""The Django application that collects the network."""

from django.apps import AppConfig


class CollectorConfig(AppConfig):
    """Collects the network: from the feed to rows."""

    name = "collector"

    def ready(self) -> None:
        """Tell monitoring how bad the collector's failures are, and how its parts are measured."""
        from collector.decoding import FeedRejected
        from collector.services import condition
        from monitoring.errors import classification
        from monitoring.errors.classification import Judgement
        from monitoring.errors.kinds import Category, Severity
        from monitoring.health import conditions

        classification.register(FeedRejected, Judgement(Category.VALIDATION, Severity.MEDIUM))
        conditions.register(lambda: condition.report().services)
