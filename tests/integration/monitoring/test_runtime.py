"""The operator's settings reach every process."""

from html import unescape
from types import SimpleNamespace

import pytest
from constance import config
from constance.codecs import dumps
from constance.models import Constance
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring import runtime

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """The process's own clock, which the test moves."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(runtime, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def change_elsewhere(name: str, value: object) -> None:
    """What another process does: this one hears nothing of it."""
    Constance.objects.update_or_create(key=name, defaults={"value": dumps(value)})


def test_unchanged_settings_have_their_defaults():
    operations = runtime.current()
    assert operations == runtime.defaults()
    assert operations.retention_positions_days == 400
    assert operations.public_api is True


def test_a_change_elsewhere_is_seen_within_five_seconds(clock):
    assert runtime.current().public_names is False
    change_elsewhere("PUBLIC_NAMES", True)
    clock.seconds += 1
    assert runtime.current().public_names is False
    clock.seconds += 4
    assert runtime.current().public_names is True


def test_a_change_here_is_seen_at_once():
    assert runtime.current().retention_polls_days == 400
    config.RETENTION_POLLS_DAYS = 10
    assert runtime.current().retention_polls_days == 10


def test_all_settings_cost_one_query_in_five_seconds(clock):
    with CaptureQueriesContext(connection) as queries:
        for _ in range(10):
            runtime.current()
            clock.seconds += 0.3
    assert len(queries) == 1


def test_nobody_can_change_what_was_read():
    with pytest.raises(AttributeError):
        runtime.current().public_api = False


@pytest.mark.django_db(transaction=True)
def test_without_postgres_the_last_known_values_serve(request, clock):
    config.PUBLIC_REQUESTS_PER_MINUTE = 7
    assert runtime.current().public_requests_per_minute == 7
    request.getfixturevalue("postgres_away")
    clock.seconds += 60
    assert runtime.current().public_requests_per_minute == 7


@pytest.mark.django_db(transaction=True)
def test_without_postgres_and_nothing_known_the_defaults_serve(postgres_away, monkeypatch):
    monkeypatch.setattr(runtime, "_last_known", runtime._LastKnown())
    assert runtime.current() == runtime.defaults()


@pytest.mark.django_db(transaction=True)
def test_a_thread_without_a_connection_reads_them_too():
    config.PUBLIC_NAMES = True
    connection.close()
    assert runtime.current().public_names is True
    assert connection.connection is None


@pytest.fixture
def form(admin_client):
    """Send the settings' page with these values changed; the answer."""

    def send(**changed):
        page = admin_client.get("/admin/constance/config/")
        values = {"version": page.context["form"].initial["version"]}
        for name, (default, *_) in settings.CONSTANCE_CONFIG.items():
            if default is not False:
                values[name] = "on" if default is True else default
        return admin_client.post("/admin/constance/config/", values | changed)

    return send


def test_the_page_groups_the_settings_and_names_their_units(admin_client):
    page = admin_client.get("/admin/constance/config/")
    titles = [title for title, _ in settings.CONSTANCE_CONFIG_FIELDSETS]
    assert [group["title"] for group in page.context["fieldsets"]] == titles
    values = [value for group in page.context["fieldsets"] for value in group["config_values"]]
    shown = {value["name"]: value for value in values}
    assert shown.keys() == settings.CONSTANCE_CONFIG.keys()
    assert {name: value["unit"] for name, value in shown.items() if value["unit"]} == {
        name: "days" if name.endswith("_DAYS") else "a minute" if "MINUTE" in name else "seconds"
        for name, (default, *_) in settings.CONSTANCE_CONFIG.items()
        if not isinstance(default, bool)
    }
    html = unescape(page.content.decode())
    assert all(str(value["help_text"]) in html for value in shown.values())


def test_the_admin_changes_a_setting(form):
    assert form(RETENTION_POLLS_DAYS="31").status_code == 302
    assert runtime.current().retention_polls_days == 31


@pytest.mark.parametrize(
    "changed",
    [
        {"RETENTION_POLLS_DAYS": "0"},
        {"RETENTION_POLLS_DAYS": "many"},
        {"PUBLIC_REQUESTS_PER_MINUTE": "-1"},
        {"FEED_WARN_SECONDS": "60"},
        {"FEED_OUTAGE_SECONDS": "50"},
    ],
)
def test_the_admin_refuses_values_that_make_no_sense(form, changed):
    response = form(**changed)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert runtime.current() == runtime.defaults()


@pytest.mark.parametrize(
    ("group", "status"), [("viewer", 403), ("operator", 403), ("administrator", 200)]
)
def test_only_administrators_reach_the_settings(client, make_user, group, status):
    client.force_login(make_user("someone", group, is_staff=True))
    assert client.get("/admin/constance/config/").status_code == status
    assert User.objects.count() == 1
