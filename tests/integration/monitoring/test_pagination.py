import pytest
from django.contrib.auth.models import Group
from django.core import signing

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.monitoring.probe")]

COUNT = 23


@pytest.fixture(autouse=True)
def _groups():
    Group.objects.bulk_create(Group(name=f"page {n:02}") for n in range(COUNT))


def walk(api, address: str, direction: str = "next") -> list[list[dict]]:
    """The pages from `address` on in that direction."""
    pages = []
    while address:
        page = api.get(address).json()
        pages.append(page["results"])
        address = page[direction]
    return pages


def last(api, address: str) -> str:
    while following := api.get(address).json()["next"]:
        address = following
    return address


@pytest.mark.parametrize("path", ["groups", "group-values"])
@pytest.mark.parametrize("ordering", ["name", "-name", "id", "-id"])
@pytest.mark.parametrize("size", [1, 7, 22, 23, 24])
def test_all_pages_together_hold_each_row_once_and_in_order(api, path, ordering, size):
    pages = walk(api, f"/api/probe/{path}?page_size={size}&ordering={ordering}")
    rows = [row for page in pages for row in page]
    names = [f"page {n:02}" for n in range(COUNT)]
    expected = names[::-1] if ordering.startswith("-") else names
    assert [row["name"] for row in rows] == expected
    assert all(len(page) == size for page in pages[:-1])


def test_the_way_back_has_the_same_pages(api):
    first = "/api/probe/groups?page_size=5"
    forwards = walk(api, first)
    backwards = walk(api, last(api, first), "previous")
    assert [row for page in reversed(backwards) for row in page] == [
        row for page in forwards for row in page
    ]


def test_a_row_that_arrives_meanwhile_shifts_no_page(api):
    page = api.get("/api/probe/groups?page_size=5&ordering=-id").json()
    Group.objects.create(name="page new")
    following = api.get(page["next"]).json()["results"]
    assert following[0]["id"] == page["results"][-1]["id"] - 1


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "%ff", "a:b:c", "x" * 5000, signing.dumps([1, 1, False])]
)
def test_a_cursor_that_is_not_ours_is_400(api, cursor):
    response = api.get("/api/probe/groups", {"cursor": cursor})
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == ["cursor"]


def test_a_cursor_of_another_ordering_is_400(api):
    cursor = api.get("/api/probe/groups?page_size=5").json()["next"].partition("cursor=")[2]
    cursor = cursor.partition("&")[0]
    assert api.get(f"/api/probe/groups?ordering=id&cursor={cursor}").status_code == 400


@pytest.mark.parametrize("size", ["0", "-1", "201", "x", "9" * 5000])
def test_a_page_has_from_1_to_200_rows(api, size):
    response = api.get(f"/api/probe/groups?page_size={size}")
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == ["page_size"]


def test_a_page_of_rows_alone_names_its_neighbours_in_a_header(api):
    response = api.get("/api/probe/groups?page_size=5&format=csv")
    assert response["Content-Type"].startswith("text/csv")
    assert len(response.content.splitlines()) == 6
    address = response["Link"].partition("<")[2].partition(">")[0]
    assert 'rel="next"' in response["Link"]
    assert "page 05" in api.get(address).content.decode()


def test_the_page_costs_one_query(api, django_assert_num_queries):
    api.get("/api/probe/groups")
    with django_assert_num_queries(1):
        api.get("/api/probe/groups?page_size=5")
