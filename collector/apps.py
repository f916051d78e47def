"""The Django application that collects the network."""

from django.apps import AppConfig


class CollectorConfig(AppConfig):
    """Collects the network: from the feed to rows."""

    name = "collector"
