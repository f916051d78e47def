import pytest
from django.db.migrations.recorder import MigrationRecorder

pytestmark = pytest.mark.django_db(transaction=True)


def test_ready_while_everything_answers(api):
    response = api.get("/health/?format=json")
    assert response.status_code == 200
    assert response.json() == {"database": "OK", "migrations": "OK", "cache": "OK"}


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain", "*/*"])
def test_ready_in_every_form(api, accept):
    assert api.get("/health/", HTTP_ACCEPT=accept).status_code == 200


@pytest.mark.parametrize("accept", ["nonsense", "text/html;q=x;", "/", "\xff"])
def test_an_unreadable_accept_header_is_400(api, accept):
    assert api.get("/health/", HTTP_ACCEPT=accept).status_code == 400


@pytest.mark.usefixtures("postgres_away")
def test_without_postgres_not_ready_but_live(api):
    for accept in ("application/json", "text/html"):
        response = api.get("/health/", HTTP_ACCEPT=accept)
        assert response.status_code == 500
        assert b"127.0.0.1" not in response.content
        assert b"connection" not in response.content
    body = api.get("/health/?format=json").json()
    assert body["database"].endswith("The database doesn't answer.")
    assert body["cache"] == "OK"
    assert api.get("/health/live").status_code == 200


@pytest.mark.usefixtures("redis_away")
def test_without_redis_not_ready(api):
    response = api.get("/health/?format=json")
    assert response.status_code == 500
    assert response.json()["database"] == "OK"
    assert response.json()["cache"].endswith("The cache doesn't answer.")


def test_a_missing_migration_makes_it_not_ready(api):
    recorder = MigrationRecorder.Migration.objects.filter(app="monitoring")
    applied = list(recorder)
    recorder.delete()
    try:
        response = api.get("/health/?format=json")
    finally:
        MigrationRecorder.Migration.objects.bulk_create(applied)
    assert response.status_code == 500
    assert "not applied" in response.json()["migrations"]


def test_live_asks_no_database(api, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert api.get("/health/live").content == b"OK"
