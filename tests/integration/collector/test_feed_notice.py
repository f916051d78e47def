import time

import pytest
from django.db import connection

from collector import views
from collector.models import Source


@pytest.fixture(autouse=True)
def _forgetful():
    views.forget()
    yield
    views.forget()


@pytest.mark.parametrize(
    ("kind", "word"), [("simulated", "Simulated"), ("recorded", "Recorded"), ("live", "")]
)
def test_every_page_says_what_is_not_the_live_network(db, client, kind, word):
    Source.objects.create(kind=kind)
    connection.ensure_connection()
    notice = views.feed_notice(None)["feed_notice"]
    assert notice.startswith(word)
    assert bool(notice) == bool(word)
    assert notice in client.get("/").content.decode()


def test_it_is_asked_for_once(db, django_assert_num_queries):
    Source.objects.create(kind=Source.Kind.SIMULATED)
    with django_assert_num_queries(1):
        for _ in range(3):
            views.feed_notice(None)


def test_an_undecided_source_says_nothing_and_is_asked_for_again_later(db, monkeypatch):
    assert views.feed_notice(None) == {"feed_notice": ""}
    Source.objects.create(kind=Source.Kind.SIMULATED)
    assert views.feed_notice(None) == {"feed_notice": ""}
    monkeypatch.setattr(views, "ASK_AGAIN_S", 0.0)
    assert views.feed_notice(None)["feed_notice"]


def test_no_page_waits_for_a_database_that_is_away(postgres_away):
    began = time.monotonic()
    assert views.feed_notice(None) == {"feed_notice": ""}
    assert time.monotonic() - began < 0.5
