"""What must not leak from one test into the next, and who reads the API."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from rest_framework.test import APIClient

from monitoring import runtime
from monitoring.api import throttling
from monitoring.errors import breaker_store, breakers, reporting
from monitoring.errors.breaker_store import BreakerStore
from monitoring.models import ApiToken


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


@pytest.fixture
def api() -> APIClient:
    """An anonymous reader of the API, who gets a 500 as an answer."""
    return APIClient(raise_request_exception=False)


@pytest.fixture
def make_user(db):
    """Make a user who belongs to the group of that name."""

    def make(name: str, group: str = "", **fields) -> User:
        user = User.objects.create_user(name, password="a password", **fields)
        if group:
            user.groups.add(Group.objects.get(name=group))
        return user

    return make


@pytest.fixture
def make_token():
    """Make a usable token of a user, and return it with its secret."""

    def make(user: User, **fields) -> tuple[ApiToken, str]:
        token = ApiToken(name="test", user=user, **fields)
        secret = token.renew_secret()
        token.save()
        return token, secret

    return make


@pytest.fixture
def signed_in(make_user, make_token):
    """A client that signs in by token as a member of that group."""

    def make(group: str) -> APIClient:
        _, secret = make_token(make_user(group, group))
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return make


@pytest.fixture
def postgres_away(transactional_db):
    """From here to the test's end nobody listens where PostgreSQL should."""
    connection.close()
    kept = dict(connection.settings_dict)
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": str(_closed_port())}
    yield
    connection.close()
    connection.settings_dict |= kept


@pytest.fixture
def redis_away(settings, monkeypatch):
    """From here to the test's end nobody listens where Redis should be."""
    settings.REDIS_BUFFER_URL = f"redis://127.0.0.1:{_closed_port()}/1"
    settings.REDIS_CACHE_URL = f"redis://127.0.0.1:{_closed_port()}/2"
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_CACHE_URL}
    }
    monkeypatch.setattr(throttling.AnonymousThrottle, "redis_away_until", 0.0)
    throttling._counters.cache_clear()
    yield
    throttling._counters.cache_clear()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def fresh_breakers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No breaker is known, in Redis or here; only tests that may use PostgreSQL record."""
    if request.node.get_closest_marker("django_db") is None:
        monkeypatch.setattr(reporting, "write_later", lambda *_: None)
        monkeypatch.setattr(reporting, "count_recovery", lambda *_, **__: None)
    monkeypatch.setattr(breakers, "_store", BreakerStore())
    breaker_store.client.cache_clear()
    breaker_store._script.cache_clear()
    breaker_store.client().delete(breaker_store.KEY)
    yield
    reporting.flush()
    breaker_store.client.cache_clear()
    breaker_store._script.cache_clear()
