"""What is known of this installation when its errors are described: its secrets, its processes."""

import os
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from monitoring.errors.scrubbing import Scrubber


@cache
def scrubber() -> Scrubber:
    """What scrubs of this installation's own secrets, too."""
    return Scrubber(secret for secret in _secrets() if secret)


def process_name() -> str:
    """Name and number of this process."""
    return f"{os.environ.get('PROCESS_NAME') or 'manage'}:{os.getpid()}"


def _secrets() -> list[str]:
    named = ("SECRET_KEY", "PSEUDONYM_KEY", "ADMIN_PASSWORD", "SENTRY_DSN")
    addresses = ("DATABASE_URL", "REDIS_URL", "SENTRY_DSN")
    flower = os.environ.get("FLOWER_BASIC_AUTH", "")
    return [
        *(getattr(settings, name) for name in named),
        *(part for name in addresses for part in _credentials(getattr(settings, name))),
        *(flower, flower.partition(":")[2]),
    ]


def _credentials(address: str) -> list[str]:
    """The password in an address; of a DSN the key, which stands where a name does."""
    parts = urlsplit(address)
    is_dsn = parts.scheme in {"http", "https"}
    return [parts.password or "", (parts.username or "") if is_dsn else ""]
