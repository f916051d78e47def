import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from collector import snapshots
from tests.integration.collector.api.rows import feed
from tests.integration.collector.api.state import forget


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    """A process that knows nothing of another test."""
    forget()


@pytest.fixture
def newest(replayed_network) -> dict:
    """The newest feed of the replayed network, as it came."""
    snapshots.forget()
    return feed(replayed_network[-1])


@pytest.fixture
def redis_away(redis_away):
    """Redis away, and clients that did not know it before."""
    for client in (snapshots._redis, snapshots._buffer):
        client.cache_clear()
    forget()
    yield
    for client in (snapshots._redis, snapshots._buffer):
        client.cache_clear()


@pytest.fixture
def browser(db) -> Client:
    """A browser in which a viewer has signed in."""
    user = User.objects.create_user("someone")
    user.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(user)
    return client
