"""What a browser gets: policies, and pages that hold no inline script."""

from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import Group

from monitoring.api import renderers
from monitoring.models import ApiToken

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]

DATA_TYPES = {"application/json", "application/ld+json"}


class Inline(HTMLParser):
    """Collects what `script-src 'self'` or `style-src 'self'` would block."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.outside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "script" and "src" not in found and found.get("type") not in DATA_TYPES:
            self.scripts.append(tag)
        self.scripts += [name for name in found if name.startswith("on")]
        self.scripts += [url for url in found.values() if url and url.startswith("javascript:")]
        self.styles += [name for name in (tag, *found) if name == "style"]
        source = found.get("src") or (found.get("href") if tag == "link" else None)
        if source and source.startswith(("http:", "https:", "//")):
            self.outside.append(source)


def policy(response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


ADMIN_PAGES = [
    "/admin/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/monitoring/apitoken/",
    "/admin/monitoring/apitoken/add/",
    "/admin/constance/config/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/django_celery_beat/periodictask/add/",
]


@pytest.mark.parametrize("address", ["/", "/health/", *ADMIN_PAGES])
def test_our_pages_and_the_admin_have_no_inline_script_or_style(admin_client, address):
    response = admin_client.get(address)
    assert response.status_code == 200
    assert policy(response)["script-src"] == policy(response)["style-src"] == "'self'"
    page = Inline(response.content.decode())
    assert (page.scripts, page.styles, page.outside) == ([], [], [])


@pytest.mark.parametrize(
    "address", ["/api/docs", "/api/probe/groups?format=api", "/api/probe/staff?format=api"]
)
def test_api_pages_may_style_themselves_but_run_no_inline_script(admin_client, address):
    Group.objects.create(name="page <script>alert(1)</script>")
    response = admin_client.get(address)
    assert response.status_code == 200
    assert policy(response)["script-src"] == "'self'"
    assert policy(response)["style-src"] == "'self' 'unsafe-inline'"
    page = Inline(response.content.decode())
    assert (page.scripts, page.outside) == ([], [])


def test_json_answers_allow_no_inline_style(api):
    assert policy(api.get("/api/probe/groups"))["style-src"] == "'self'"


def test_the_browsable_page_offers_sign_in_and_comes_back(api):
    html = api.get("/api/probe/groups?format=api&page_size=5").content.decode()
    assert "/admin/login/?next=/api/probe/groups%3Fformat%3Dapi%26page_size%3D5" in html


def test_the_browsable_page_shows_the_beginning_of_a_long_answer(api, monkeypatch):
    monkeypatch.setattr(renderers, "SHOWN_CHARACTERS", 1000)
    Group.objects.bulk_create(Group(name=f"page {n:03}") for n in range(100))
    html = api.get("/api/probe/groups?format=api").content.decode()
    assert "page 000" in html
    assert "page 099" not in html
    assert "characters in all" in html


def test_the_docs_load_their_script_from_this_site(api):
    assert "?script=" in api.get("/api/docs").content.decode()
    script = api.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"/api/schema" in script.content
    assert b"https://" not in script.content


def test_the_schema_is_openapi_3_1_and_describes_errors(api):
    schema = api.get("/api/schema?format=json").json()
    assert schema["openapi"].startswith("3.1")
    operation = schema["paths"]["/api/probe/groups"]["get"]
    assert {"cursor", "page_size", "ordering"} <= {item["name"] for item in operation["parameters"]}
    assert operation["responses"]["default"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Error"
    }
    assert {} in operation["security"]
    assert {} not in schema["paths"]["/api/probe/staff"]["get"]["security"]


def test_the_front_page_lists_what_there_is(api):
    html = api.get("/").content.decode()
    for address in ("/api/docs", "/api/schema", "/admin/", "/health"):
        assert f'href="{address}"' in html


def make_token_in_admin(client, user):
    fields = {
        "name": "grafana",
        "user": user.pk,
        "expires_at_0": "2099-01-01",
        "expires_at_1": "00:00:00",
    }
    return client.post("/admin/monitoring/apitoken/add/", fields)


def test_a_token_made_in_the_admin_is_shown_once_and_works(admin_client, admin_user, api):
    made = make_token_in_admin(admin_client, admin_user)
    secret = made.context["token"].secret
    assert made.status_code == 200
    assert secret in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    answer = api.get("/api/probe/staff", HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert answer.status_code == 200
    page = admin_client.get(f"/admin/monitoring/apitoken/{ApiToken.objects.get().pk}/change/")
    assert secret not in page.content.decode()
    assert secret not in str(admin_client.cookies)


def test_a_token_is_revoked_in_the_admin_and_changed_nowhere(admin_client, admin_user, api):
    secret = make_token_in_admin(admin_client, admin_user).context["token"].secret
    token = ApiToken.objects.get()
    admin_client.post(f"/admin/monitoring/apitoken/{token.pk}/change/", {"name": "other"})
    token.refresh_from_db()
    assert token.name == "grafana"
    chosen = {"action": "revoke", "_selected_action": [token.pk]}
    admin_client.post("/admin/monitoring/apitoken/", chosen)
    answer = api.get("/api/probe/staff", HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert answer.status_code == 401
