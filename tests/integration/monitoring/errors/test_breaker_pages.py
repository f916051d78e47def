"""Breakers on the API and in the admin: seen by staff, reset by operators."""

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.errors import reporting
from monitoring.errors.breakers import Breaker, breaker_states
from monitoring.errors.kinds import BreakerState
from monitoring.models import BreakerTransition

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_breakers")]
API = "/api/errors/circuit-breakers"
PAGE = "/admin/monitoring/breakertransition/"


@pytest.fixture(autouse=True)
def _unrecorded(monkeypatch):
    """Have nothing written by another thread, which sees none of the test's rows."""
    monkeypatch.setattr(reporting, "write_later", lambda *_: None)


@pytest.fixture
def open_breaker() -> str:
    """The name of a breaker that is open."""
    breaker = Breaker("webhook <b>1</b>", failures=1)
    with breaker.guard() as call:
        call.fail("<script>alert(1)</script>")
    return breaker.name


@pytest.fixture
def admin(make_user):
    def admin(group: str) -> Client:
        client = Client()
        client.force_login(make_user(group, group, is_staff=True))
        return client

    return admin


def state(name: str) -> BreakerState:
    return breaker_states()[name].state


def test_staff_see_every_breaker(api, signed_in, open_breaker):
    assert api.get(API).status_code == 401
    answer = signed_in("viewer").get(API)
    assert answer.status_code == 200
    breaker = answer.json()[open_breaker]
    assert breaker["state"] == "OPEN"
    assert breaker["failure_count"] == 1
    assert breaker["last_failure_time"].endswith("Z")
    assert 0 < breaker["retry_in_seconds"] <= 30


def test_postgresql_and_redis_are_shown_by_their_round_trip(signed_in):
    breakers = signed_in("viewer").get(API).json()
    for name in ("postgresql", "redis"):
        assert breakers[name]["state"] == "CLOSED"
        assert breakers[name]["failure_count"] == 0
        assert breakers[name]["last_failure_time"] is None
        assert 0 < breakers[name]["round_trip_ms"] < 1000


def test_redis_that_is_away_is_shown_as_open(signed_in, settings):
    from monitoring.errors import breaker_store

    client = signed_in("viewer")
    settings.REDIS_BROKER_URL = "redis://127.0.0.1:1/0"
    breaker_store.client.cache_clear()
    redis = client.get(API).json()["redis"]
    assert (redis["state"], redis["round_trip_ms"]) == ("OPEN", None)
    assert redis["failure_count"] >= 1
    assert redis["last_failure_reason"]


@pytest.mark.parametrize(
    ("group", "status"), [("viewer", 403), ("operator", 200), ("administrator", 200)]
)
def test_operators_reset(signed_in, open_breaker, group, status):
    answer = signed_in(group).post(f"{API}/{open_breaker}/reset")
    assert answer.status_code == status
    assert state(open_breaker) == ("CLOSED" if status == 200 else "OPEN")
    reset_by = BreakerTransition.objects.filter(reason="reset").values_list("by__username")
    assert list(reset_by) == ([(group,)] if status == 200 else [])


def test_the_public_resets_nothing(api, open_breaker):
    assert api.post(f"{API}/{open_breaker}/reset").status_code == 401
    assert state(open_breaker) is BreakerState.OPEN


def test_a_reset_answers_how_it_is_now(signed_in, open_breaker):
    answer = signed_in("operator").post(f"{API}/{open_breaker}/reset").json()
    assert (answer["state"], answer["failure_count"]) == ("CLOSED", 0)


@pytest.mark.parametrize("name", ["nothing", "postgresql", "redis", "a%00b"])
def test_what_has_no_breaker_is_404(signed_in, name):
    answer = signed_in("operator").post(f"{API}/{name}/reset")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_other_methods_and_parameters_are_refused(signed_in, open_breaker):
    client = signed_in("administrator")
    assert client.get(f"{API}/{open_breaker}/reset").status_code == 405
    assert client.post(API).status_code == 405
    assert client.get(f"{API}?surprise=1").status_code == 400


def test_the_admin_shows_breakers_and_transitions(admin, open_breaker):
    known = {"name": "feed", "from_state": "CLOSED", "to_state": "OPEN"}
    BreakerTransition.objects.create(**known, at=timezone.now(), reason="<i>")
    html = admin("viewer").get(PAGE).content.decode()
    assert "webhook &lt;b&gt;1&lt;/b&gt;" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    assert "&lt;i&gt;" in html
    assert "postgresql" in html
    assert "Reset</button>" not in html


def test_an_operator_has_a_button(admin, open_breaker):
    client = admin("operator")
    html = client.get(PAGE).content.decode()
    assert "Reset</button>" in html
    answer = client.post(f"{PAGE}reset/{open_breaker}", follow=True)
    assert "is closed" in answer.content.decode()
    assert state(open_breaker) is BreakerState.CLOSED
    assert BreakerTransition.objects.get(reason="reset").by.username == "operator"


def test_the_button_is_for_operators_and_by_post(admin, open_breaker):
    assert admin("viewer").post(f"{PAGE}reset/{open_breaker}").status_code == 403
    operator = admin("operator")
    assert operator.get(f"{PAGE}reset/{open_breaker}").status_code == 405
    assert operator.post(f"{PAGE}reset/nothing").status_code == 404
    assert state(open_breaker) is BreakerState.OPEN


def test_nobody_changes_transitions(admin):
    client = admin("administrator")
    assert client.get(f"{PAGE}add/").status_code == 403
