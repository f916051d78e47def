"""What must not leak from one test into the next."""

from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.core.cache import cache

from monitoring import runtime
from monitoring.api import throttling


@pytest.fixture(scope="session", autouse=True)
def _static_root() -> None:
    """What collectstatic would make; without it each client warns."""
    Path(site_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _cheap_passwords(settings) -> None:
    """Hash what tests choose as password at no cost."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _fresh_process_state() -> None:
    """Count no requests of another test, and read the operator's settings anew."""
    cache.clear()
    throttling.forget()
    runtime.forget()
