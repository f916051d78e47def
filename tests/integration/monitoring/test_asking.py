"""Questions to PostgreSQL have a thread, a connection and an end of their own."""

import threading
import time

import pytest
from django.db import OperationalError, connection

from monitoring import asking
from monitoring.asking import ask

pytestmark = pytest.mark.django_db(transaction=True)


def query(sql: str, *values: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def askers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ask"]


def wait_for_askers() -> float:
    """Seconds until none is left."""
    started = time.monotonic()
    for thread in askers():
        thread.join(5)
    assert not askers()
    return time.monotonic() - started


def test_the_answer_comes_over_another_connection_which_ends():
    ours = query("SELECT pg_backend_pid()")
    theirs = ask(lambda: query("SELECT pg_backend_pid()"), 5)
    assert theirs != ours
    wait_for_askers()
    # A backend ends a moment after its client.
    for _ in range(100):
        if not query("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", theirs):
            return
        time.sleep(0.05)
    pytest.fail("its connection is still there")


def test_an_error_is_raised_where_it_was_asked():
    with pytest.raises(ZeroDivisionError):
        ask(lambda: 1 // 0, 5)


def test_postgres_that_refuses_is_an_error_at_once(postgres_away):
    with pytest.raises(OperationalError):
        ask(lambda: query("SELECT 1"), 5)


def test_a_late_answer_still_has_its_effect():
    answers = []
    with pytest.raises(TimeoutError):
        ask(lambda: answers.append(query("SELECT 7 FROM pg_sleep(0.5)")), 0.1)
    assert not answers
    wait_for_askers()
    assert answers == [7]


def test_a_question_without_end_is_cut(monkeypatch):
    monkeypatch.setattr(asking, "LIMIT_S", 0.3)
    with pytest.raises(TimeoutError):
        ask(lambda: query("SELECT pg_sleep(60)"), 0.1)
    assert wait_for_askers() < 2
    # PostgreSQL sleeps on, since it does not look whether somebody still listens.
    query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    )
