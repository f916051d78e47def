"""Who may: groups, roles, tokens and sessions."""

from datetime import timedelta

import pytest
import time_machine
from constance import config
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitoring.models import ApiToken, digest_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]


def permissions_of(group: str) -> set[str]:
    rows = Permission.objects.filter(group__name=group)
    return {
        f"{label}.{name}" for label, name in rows.values_list("content_type__app_label", "codename")
    }


def migrate() -> None:
    call_command("migrate", verbosity=0)


def test_migrating_makes_the_three_groups():
    names = set(Group.objects.values_list("name", flat=True))
    assert {"viewer", "operator", "administrator"} <= names


def test_administrators_manage_users_tokens_schedules_and_settings():
    assert {
        "auth.add_user",
        "monitoring.add_apitoken",
        "django_celery_beat.change_periodictask",
        "constance.change_config",
    } <= permissions_of("administrator")


def test_nobody_else_changes_settings_or_sees_tokens():
    for group in ("viewer", "operator"):
        assert not {
            name for name in permissions_of(group) if name.startswith(("constance.", "auth."))
        }
        assert "monitoring.view_apitoken" not in permissions_of(group)


def test_a_later_models_permissions_are_given_out_by_the_next_migrate():
    later = ContentType.objects.create(app_label="monitoring", model="laterthing")
    for codename in ("view_laterthing", "change_laterthing", "operate_laterthing"):
        Permission.objects.create(content_type=later, codename=codename, name=codename)
    migrate()
    migrate()
    given = {
        group: {name for name in permissions_of(group) if name.endswith("_laterthing")}
        for group in ("viewer", "operator", "administrator")
    }
    view, operate, change = (
        f"monitoring.{verb}_laterthing" for verb in ("view", "operate", "change")
    )
    assert given == {
        "viewer": {view},
        "operator": {view, operate},
        "administrator": {view, operate, change},
    }


def test_what_a_group_may_not_have_is_taken_away_again():
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.add(Permission.objects.get(codename="add_user"))
    migrate()
    assert "auth.add_user" not in permissions_of("viewer")


@pytest.mark.parametrize(
    ("group", "allowed"),
    [
        ("", []),
        ("viewer", ["staff"]),
        ("operator", ["staff", "operators"]),
        ("administrator", ["staff", "operators", "administrators"]),
    ],
)
def test_each_role_may_what_it_may_and_no_more(make_user, make_token, api, group, allowed):
    _, secret = make_token(make_user("someone", group))
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    open_to = [
        name
        for name in ("undeclared", "staff", "operators", "administrators")
        if api.get(f"/api/probe/{name}").status_code == 200
    ]
    assert open_to == allowed


def test_public_answers_close_with_one_setting_but_not_for_staff(api, signed_in):
    assert api.get("/api/probe/public").status_code == 200
    config.PUBLIC_API = False
    assert api.get("/api/probe/public").status_code == 401
    assert signed_in("viewer").get("/api/probe/public").status_code == 200


def test_nobody_writes_to_what_is_public(signed_in):
    assert signed_in("administrator").post("/api/probe/public").status_code == 403


def test_a_session_signs_in_and_a_write_needs_its_csrf_token(make_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("someone", "viewer"))
    assert client.get("/api/probe/staff").json() == {"user": "someone"}
    assert client.post("/api/probe/staff", {}, content_type="application/json").status_code == 403


def test_a_token_is_stored_as_its_digest_only(make_user, make_token):
    token, secret = make_token(make_user("someone"))
    assert token.digest == digest_of(secret)
    assert secret.startswith(token.prefix)
    assert len(secret) > 40
    row = ApiToken.objects.values().get()
    assert secret not in map(str, row.values())


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
def test_both_schemes_sign_in(make_user, make_token, api, scheme):
    _, secret = make_token(make_user("someone", "viewer"))
    response = api.get("/api/probe/staff", HTTP_AUTHORIZATION=f"{scheme} {secret}")
    assert response.json() == {"user": "someone"}


def refuses(api, secret: str) -> bool:
    response = api.get("/api/probe/public", HTTP_AUTHORIZATION=f"Bearer {secret}")
    return response.status_code == 401 and response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("secret", ["", "x", "vdc_wrong", "vdc wrong", "\xff\x00", "x" * 5000])
def test_an_unknown_token_is_refused_on_public_paths_too(api, secret):
    assert refuses(api, secret)


def test_a_token_ends_by_expiry(make_user, make_token, api):
    _, secret = make_token(make_user("someone"), expires_at=timezone.now() + timedelta(days=30))
    assert not refuses(api, secret)
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert refuses(api, secret)


def test_a_token_ends_by_revocation_and_keeps_its_first_instant(make_user, make_token, api):
    token, secret = make_token(make_user("someone"))
    token.revoke()
    first = token.revoked_at
    token.revoke()
    assert token.revoked_at == first
    assert refuses(api, secret)


def test_a_token_ends_with_its_user(make_user, make_token, api):
    user = make_user("someone")
    _, secret = make_token(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert refuses(api, secret)


def test_a_token_that_expires_before_it_was_made_is_refused_by_the_database(make_user, make_token):
    with pytest.raises(IntegrityError):
        make_token(make_user("someone"), expires_at=timezone.now() - timedelta(days=1))


def test_the_last_use_is_written_once_a_day(make_user, make_token, api):
    token, secret = make_token(make_user("someone"))
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    def writes() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            api.get("/api/probe/public")
        return sum(query["sql"].startswith("UPDATE") for query in queries)

    assert [writes(), writes()] == [1, 0]
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert [writes(), writes()] == [1, 0]
        token.refresh_from_db()
        assert token.last_used_on == timezone.now().date()


@pytest.mark.parametrize("group", ["viewer", None])
def test_what_only_staff_may_read_no_cache_keeps(signed_in, api, group):
    answer = (signed_in(group) if group else api).get("/api/probe/staff")
    assert answer.status_code == (200 if group else 401)
    assert set(answer["Cache-Control"].split(", ")) == {"private", "no-store"}


def test_public_answers_may_be_kept(api):
    assert "no-store" not in api.get("/api/probe/public").get("Cache-Control", "")
