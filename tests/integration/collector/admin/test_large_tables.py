"""Lists stay cheap however many rows there are."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector.admin.base import page_of
from collector.models import AtisSession, ControllerSession, Flight, Poll, Prefile, Tuning
from monitoring.admin import bounded
from monitoring.admin.bounded import MOST_LISTED
from tests.integration.collector.admin.conftest import AT

LARGE = [Flight, Prefile, ControllerSession, AtisSession, Tuning, Poll]
FLIGHTS = "/admin/collector/flight/"


def queries_of(client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("model", LARGE)
@pytest.mark.parametrize("choice", ["", "?q=QFA", "?_facets=True"])
def test_no_list_counts_a_whole_table(viewer, model, choice):
    url = f"/admin/collector/{model._meta.model_name}/{choice}"
    counts = [sql for sql in queries_of(viewer, url) if "COUNT" in sql]
    assert len(counts) == 1
    assert f"LIMIT {MOST_LISTED})" in counts[0]
    assert "ORDER BY" not in counts[0]


@pytest.mark.parametrize("model", LARGE)
def test_every_list_is_in_the_order_of_an_index(viewer, model):
    page = viewer.get(f"/admin/collector/{model._meta.model_name}/?o=1.2").context["cl"]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
    assert "Sort" not in page.queryset[:100].explain()


def test_a_list_of_many_rows_costs_no_more_queries(viewer, make_flight, make_prefile, make_session):
    urls = [f"/admin/collector/{model._meta.model_name}/" for model in LARGE]
    for url in urls:
        queries_of(viewer, url)
    few = [len(queries_of(viewer, url)) for url in urls]
    for number in range(30):
        flight = make_flight(cid=number)
        make_prefile(cid=number, flight=flight)
        make_session(cid=number)
    assert [len(queries_of(viewer, url)) for url in urls] == few
    assert max(few) <= 10


def test_a_flights_page_costs_no_more_queries_for_many_rows(viewer, make_flight, make_plan):
    flight = make_flight()
    queries_of(viewer, page_of(flight))  # what a process asks once
    few = len(queries_of(viewer, page_of(flight)))
    for minute in range(20):
        make_plan(flight, minute)
        make_flight(cid=minute, continues=flight)
    assert len(queries_of(viewer, page_of(flight))) == few
    assert few <= 16


def test_positions_are_read_by_window_and_never_from_the_view(viewer, make_flight):
    read = [sql for sql in queries_of(viewer, page_of(make_flight())) if "position" in sql]
    assert all("collector_position" not in sql for sql in read)


def test_a_list_ends_where_nobody_leafs(viewer, make_flight, monkeypatch):
    monkeypatch.setattr(bounded, "MOST_LISTED", 5)
    for number in range(7):
        make_flight(cid=number)
    html = viewer.get(FLIGHTS).content.decode()
    assert "The first 5" in html
    assert "search or filter to find others" in html
    assert "search or filter to find others" not in viewer.get(f"{FLIGHTS}?q=3").content.decode()


def plan_of(model, words: str) -> str:
    """How PostgreSQL would find rows of a large table."""
    page = admin.site._registry[model]
    found, _ = page.get_search_results(None, model.objects.order_by(), words)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return found.explain()


@pytest.mark.parametrize(
    ("model", "words", "indexes"),
    [
        (Flight, "QFA", {"flight_callsign", "flight_departure", "flight_arrival"}),
        (Flight, "1000000", {"flight_callsign", "flight_unique", "flight_departure"}),
        (ControllerSession, "YSSY", {"session_callsign"}),
        (ControllerSession, "1000000", {"session_callsign", "session_unique"}),
        (Tuning, "QFA1", {"tuning_unique"}),
    ],
)
def test_search_goes_by_index(db, model, words, indexes):
    plan = plan_of(model, words)
    assert "Seq Scan" not in plan
    assert all(index in plan for index in indexes), plan


def test_beginnings_are_found_whatever_the_order_of_the_database(db):
    assert "~>=~ 'QFA'" in plan_of(Flight, "QFA")
    assert "~>=~ 'QFA'" in plan_of(ControllerSession, "QFA")


@pytest.mark.parametrize(
    ("choice", "index"),
    [({"outcome": "dropped"}, "poll_not_accepted"), ({"rejected__gt": 0}, "poll_with_rejected")],
)
def test_the_few_odd_feeds_are_found_by_index(make_poll, choice, index):
    for second in range(50):
        make_poll(feed_at=AT + timedelta(seconds=second))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE collector_poll")
    assert index in Poll.objects.filter(**choice).explain()
