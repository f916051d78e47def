"""What everyone finds: pages for readers, which nobody can write to, safe from what feeds say."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.urls import reverse

from collector.admin.base import CollectedAdmin, page_of
from collector.models import (
    AtisSession,
    ControllerSession,
    ErasedMember,
    FailedPoll,
    Flight,
    Poll,
    Prefile,
    Reference,
    RejectedRecord,
    SessionPeriod,
    Source,
    Tuning,
    UnknownKey,
)
from tests.integration.collector.admin.conftest import AT
from tests.integration.monitoring.test_pages import Inline

PAGES = [
    *(Flight, Prefile, ControllerSession, AtisSession, Tuning),
    *(Poll, FailedPoll, UnknownKey, Reference, Source, ErasedMember),
]
SCRIPT = '"><script>alert(1)</script>'


def address(model, page: str, *args) -> str:
    return reverse(f"admin:collector_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def everything(make_flight, make_prefile, make_session, make_tuning, make_poll) -> None:
    """A row on every page."""
    make_flight()
    make_prefile()
    make_session()
    make_session(callsign="YSSY_ATIS", is_atis=True, status="broadcast")
    make_tuning()
    make_poll()
    FailedPoll.objects.create(entry_id="1-0", at=AT, reason="timeout")
    UnknownKey.objects.create(key="pilots.mood", first_seen_at=AT)
    Reference.objects.create(name="ratings", feed_at=AT, entries=[{"id": 1, "short": "OBS"}])
    Source.objects.create(kind="simulated")
    ErasedMember.objects.create(pseudonym=-5)


def test_every_collected_model_with_a_page_is_read_only():
    ours = {
        model for model, page in admin.site._registry.items() if page.opts.app_label == "collector"
    }
    assert ours == set(PAGES)
    assert all(isinstance(admin.site._registry[model], CollectedAdmin) for model in ours)


@pytest.mark.parametrize("model", PAGES)
def test_a_viewer_sees_each_list_and_each_page(viewer, everything, model):
    page_admin = admin.site._registry[model]
    row = page_admin.get_queryset(request=None).first()
    for url in (address(model, "changelist"), page_of(row), address(model, "history", row.pk)):
        response = viewer.get(url)
        assert response.status_code == 200, url
        assert response["Content-Security-Policy"].count("'unsafe-inline'") == 0
        page = Inline(response.content.decode())
        assert (page.scripts, page.styles, page.outside) == ([], [], [])


@pytest.mark.parametrize("model", PAGES)
def test_not_even_a_superuser_adds_changes_or_deletes(admin_client, everything, model):
    row = admin.site._registry[model].get_queryset(request=None).first()
    rows = model.objects.count()
    for url in (
        address(model, "add"),
        page_of(row),
        address(model, "delete", row.pk),
    ):
        assert admin_client.post(url, {"post": "yes"}).status_code == 403, url
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post(address(model, "changelist"), chosen)
    assert model.objects.count() == rows


def test_staff_without_the_role_see_nothing(db, client):
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(address(Flight, "changelist")).status_code == 403


def test_the_index_lists_what_was_collected_first_and_flights_on_top(admin_client):
    apps = admin_client.get("/admin/").context["app_list"]
    assert apps[0]["app_label"] == "collector"
    assert [page["model"] for page in apps[0]["models"]] == PAGES
    assert {app["app_label"] for app in apps} >= {"auth", "monitoring", "django_celery_beat"}


def test_every_page_of_the_admin_says_what_the_data_is():
    html = render_to_string("admin/base_site.html", {"feed_notice": "Simulated <b>"})
    assert '<p class="notice" role="status">Simulated &lt;b&gt;</p>' in html
    assert "notice" not in render_to_string("admin/base_site.html", {"feed_notice": ""})


def test_times_are_written_by_iso_8601(viewer, make_flight):
    make_flight()
    assert "2026-03-01 12:00:00" in viewer.get(address(Flight, "changelist")).content.decode()


@pytest.fixture
def hostile_traffic(make_flight, make_plan, make_prefile, make_session, make_tuning) -> list:
    """Rows whose every string is a script, where their columns have room for it."""
    flight = make_flight(callsign="<script>", name=SCRIPT, server=SCRIPT, departure="<script>")
    flight.plan = make_plan(flight, route=SCRIPT, remarks=SCRIPT, aircraft=SCRIPT)
    make_plan(flight, 1, route=SCRIPT * 2, remarks="", departure="<script>")
    flight.extra = {SCRIPT: SCRIPT}
    flight.save()
    make_flight(callsign="<script>2", continues=flight, departure="<script>")
    prefile = make_prefile(callsign="<script>", route=SCRIPT, flight=flight)
    session = make_session(callsign="<script>", text_atis=[SCRIPT], name=SCRIPT)
    for minute in (0, 1):
        SessionPeriod.objects.create(
            session=session,
            since_at=AT + timedelta(minutes=minute),
            until_at=AT + timedelta(minutes=minute),
            frequency="<script>"[minute:],
            facility=4,
            rating=3,
            server=SCRIPT,
            visual_range=50,
            text_atis=[SCRIPT * (minute + 1)],
            logon_time=AT,
            status="active",
        )
    return [flight, prefile, session, make_tuning(callsign="<script>")]


@pytest.fixture
def hostile_feed(make_poll) -> list:
    """The same in what is kept of a feed."""
    poll = make_poll(
        reason=SCRIPT,
        rejected=1,
        rejected_by_reason={SCRIPT: 1},
        servers=[{"ident": SCRIPT, "name": SCRIPT, "location": SCRIPT, "clients": SCRIPT}],
    )
    RejectedRecord.objects.create(poll=poll, kind="<script>", reason=SCRIPT, record=SCRIPT)
    return [
        poll,
        Reference.objects.create(name="ratings", feed_at=AT, entries=[{SCRIPT: SCRIPT}]),
        UnknownKey.objects.create(key=SCRIPT, first_seen_at=AT),
        FailedPoll.objects.create(entry_id="1-0", at=AT, reason=SCRIPT, message=SCRIPT),
    ]


def test_no_string_of_the_feed_runs_as_script(viewer, hostile_traffic, hostile_feed):
    for row in hostile_traffic + hostile_feed:
        page = viewer.get(page_of(row)).content.decode()
        rows = viewer.get(address(type(row), "changelist")).content.decode()
        assert "&lt;script&gt;" in page
        assert "<script>" not in page + rows
        assert Inline(page + rows).scripts == []


@pytest.mark.parametrize(
    "word", ["<script>", "%", "_", "'", '"', "\\", "9" * 30, "²", "-", "a b c"]
)
def test_any_search_is_answered(viewer, make_flight, word):
    make_flight()
    for model in (Flight, Prefile, ControllerSession, AtisSession, Tuning):
        response = viewer.get(address(model, "changelist"), {"q": word})
        assert response.status_code == 200
        assert "<script>" not in response.content.decode()


def test_an_unknown_choice_of_a_filter_shows_everything(viewer, make_flight):
    make_flight()
    page = viewer.get(address(Flight, "changelist"), {"is": "gone", "flight_rules": "'"})
    assert page.context["cl"].result_count == 1


def test_a_row_that_is_not_there_leads_back_to_the_index(viewer):
    assert viewer.get(address(Flight, "change", 10**20)).status_code == 302
    assert viewer.get(address(Poll, "change", "yesterday")).status_code == 302
