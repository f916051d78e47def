"""What a browser gets where it may not look, or where nothing is."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

PAGED = ["errors", "events", "events/dead-letters", "tasks/failed", "flights/history"]


@pytest.mark.parametrize("path", PAGED)
def test_a_refused_list_is_a_page_too(client: Client, path: str):
    answer = client.get(f"/api/{path}", {"bogus": "1"}, headers={"Accept": "text/html"})
    assert answer.status_code in {400, 401, 403}
    assert answer["Content-Type"].startswith("text/html")


def test_a_page_that_is_not_there_says_so_in_the_site_s_look(client: Client):
    answer = client.get("/nope")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "stylesheet" in answer.text
