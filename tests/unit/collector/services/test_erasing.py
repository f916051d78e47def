import pytest

from collector.services.erasing import _Scrubber, _searched_names

CID, ALIAS = 1234567, -99


def scrub(value, *names: str):
    return _Scrubber(CID, ALIAS, names)(value)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("cid 1234567.", "cid -99."),
        ("1234567", "-99"),
        ("12345678 01234567", "12345678 01234567"),
        ("", ""),
    ],
)
def test_a_cid_is_replaced_where_it_stands_alone(text, scrubbed):
    assert scrub(text) == scrubbed


def test_json_is_scrubbed_through_and_through():
    value = {"1234567": [1234567, {"a": "by Ford Prefect"}, 1.5, None, True, 12345670]}
    assert scrub(value, "Ford Prefect") == {"-99": [-99, {"a": "by "}, 1.5, None, True, 12345670]}


def test_a_name_is_dropped_in_any_case():
    assert scrub("RMK/FORD PREFECT HERE", "Ford Prefect") == "RMK/ HERE"


def test_a_name_is_found_without_its_home_airport():
    assert scrub("ask Ford Prefect", "Ford Prefect EGLL") == "ask "
    assert scrub("Ford Prefect EGLL here", "Ford Prefect EGLL") == " here"


def test_a_name_is_found_as_json_text_has_it():
    assert scrub(r'{"name":"J\u00F6rg Meier"}', "Jörg Meier") == '{"name":""}'


@pytest.mark.parametrize("name", ["", "Ford", "1234567", "Ford EGLL"])
def test_one_word_alone_names_nobody(name):
    assert not [form for form in _searched_names([name]) if form != name]
    assert scrub("Ford of the A320", name) == "Ford of the A320"
