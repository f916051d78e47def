"""Every address says what it is: in the schema, in the index, on its page."""

import pytest
from django.conf import settings

pytestmark = pytest.mark.django_db

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def schema(api) -> dict:
    return api.get("/api/schema?format=json").json()


def operations(schema: dict) -> dict[str, dict]:
    return {
        f"{method} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_every_operation_has_a_title_a_description_and_a_declared_group(schema):
    groups = {tag["name"] for tag in schema["tags"]}
    assert groups == {tag["name"] for tag in settings.SPECTACULAR_SETTINGS["TAGS"]}
    found = operations(schema)
    assert len(found) > 15
    for name, operation in found.items():
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert set(operation["tags"]) <= groups, name


def test_no_two_operations_have_the_same_title(schema):
    titles = [operation["summary"] for operation in operations(schema).values()]
    assert len(titles) == len(set(titles))


def test_the_index_lists_every_operation_with_a_sentence(api, schema):
    index = api.get("/api/").json()
    listed = {f"{e['method'].lower()} {e['path']}": e for e in index["endpoints"]}
    assert listed.keys() == operations(schema).keys()
    assert all(entry["summary"] and entry["description"] for entry in listed.values())
    assert listed["get /api/flights"]["url"] == "http://testserver/api/flights"
    assert listed["get /api/flights"]["who"] == "public"
    assert listed["get /api/exports/positions"]["who"] == "staff"
    assert (index["docs"], index["schema"]) == (
        "http://testserver/api/docs",
        "http://testserver/api/schema",
    )


def test_the_index_is_grouped_in_the_order_of_the_schema(api, schema):
    listed = list(dict.fromkeys(entry["tag"] for entry in api.get("/api").json()["endpoints"]))
    assert listed == [tag["name"] for tag in schema["tags"]]


def test_the_page_of_the_index_links_what_can_be_opened(api):
    html = api.get("/api/", HTTP_ACCEPT="text/html").content.decode()
    assert '<a href="http://testserver/api/flights">/api/flights</a>' in html
    assert '<a href="http://testserver/api/flights/{id}">' not in html
    assert "Every flight in the newest feed" in html


def test_each_page_shows_the_title_and_description_of_its_operation(browser, schema):
    plain = [
        (path, methods["get"])
        for path, methods in schema["paths"].items()
        if "get" in methods and "{" not in path and path != "/api/schema"
    ]
    assert plain
    for path, operation in plain:
        html = browser.get(path, HTTP_ACCEPT="text/html").content.decode()
        assert f"<h1>{operation['summary']}</h1>" in html, path
        assert operation["description"].split()[0] in html


def test_backticks_become_code_on_pages(api):
    html = api.get("/api/atc-positions", HTTP_ACCEPT="text/html").content.decode()
    assert "<code>position</code>" in html


def test_the_networks_counts_are_described(schema):
    answer = schema["paths"]["/api/network/status"]["get"]["responses"]["200"]
    properties = answer["content"]["application/json"]["schema"]["properties"]
    assert all(
        properties[name].get("description")
        for name in properties
        if name not in {"feed_state", "data_age_seconds"}
    )
    [counts] = [one for one in properties["counts"]["anyOf"] if one["type"] == "array"]
    assert all(each.get("description") for each in counts["items"]["properties"].values())


def test_a_time_to_the_second_is_explained(schema):
    parameters = schema["paths"]["/api/flights"]["get"]["parameters"]
    [at] = [parameter for parameter in parameters if parameter["name"] == "at"]
    assert "whole of that second" in at["description"]
