import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.api.formats import CSVRenderer, NDJSONRenderer, neutralise, write_csv


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\uff1d1+1", "-"),
        *("\ufeff=1", "\u200b=1", "\u2060 \u200d@A1", "\u00a0=1", "\u3000+1+1", "\x00=1", "\x1b-1"),
        *("\u202e=1", "\u00ad=1", "\u2028=1", "\ufe661+1", "\ufe6bA1", " \t x", "\ufeff-12"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(text):
    assert neutralise(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "neutral"),
    [
        ("DCT;=1+1", "DCT;'=1+1"),
        ("a; \ufeff@A1;b", "a;' \ufeff@A1;b"),
        ("\n=1", "\n'=1"),
        ("\r=1", "'\r'=1"),
        ("a\r\n-2+3", "a\r\n'-2+3"),
        ("a;-12", "a;-12"),
        ("a;b\nc", "a;b\nc"),
    ],
)
def test_what_a_spreadsheet_may_take_for_a_further_cell_is_neutralised(text, neutral):
    assert neutralise(text) == neutral


@pytest.mark.parametrize(
    "text", ["-12", "-12.5", "+7", "KLM1", "", "a=b", "DCT -> X", "\ufeff", "(=1)"]
)
def test_numbers_and_plain_texts_stay_as_they_are(text):
    assert neutralise(text) == text


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text()), max_size=5))
def test_no_text_ever_begins_a_formula(rows):
    cells = [cell for row in read(write_csv(rows)) for cell in row]
    assert not any(cell[0] in "=@\t\r" for cell in cells if cell)


@given(st.text(alphabet=st.characters(categories=("Z", "C")), max_size=5))
def test_nothing_unseen_hides_a_formula(prefix):
    neutral = neutralise(f"{prefix}=1+1")
    assert "'" in neutral.partition("=")[0]


def test_a_semicolon_begins_no_cell_where_it_separates_cells():
    text = write_csv([{"route": "DCT;=1+1", "remarks": 'a";=1+1', "name": 'b"\n=2'}])
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert text.splitlines()[0] == '"route","remarks","name"'


def test_values_keep_their_kind():
    row = {
        "altitude": -20,
        "latitude": -33.5,
        "name": None,
        "at": datetime(2026, 11, 22, 10, 15, tzinfo=UTC),
        "ifr": True,
        "ids": [1, 2],
    }
    assert read(write_csv([row]))[1] == [
        "-20",
        "-33.5",
        "",
        "2026-11-22T10:15:00Z",
        "true",
        "[1,2]",
    ]


def test_a_list_of_texts_holds_no_formula_either():
    assert read(write_csv([{"text_atis": ["A;=1+1"]}]))[1] == ['["A;\'=1+1"]']


def test_nested_objects_become_columns_and_all_keys_are_headings():
    rows = [{"cid": 1, "plan": {"departure": "EHAM"}}, {"cid": 2, "extra": "x"}]
    assert read(write_csv(rows)) == [
        ["cid", "plan.departure", "extra"],
        ["1", "EHAM", ""],
        ["2", "", "x"],
    ]


def test_a_view_chooses_its_columns():
    class View:
        csv_columns = ("b", "a")

    text = CSVRenderer().render([{"a": 1, "b": 2}], renderer_context={"view": View()})
    assert read(text) == [["b", "a"], ["2", "1"]]


def test_a_page_is_rendered_as_its_rows():
    page = {"results": [{"a": 1}, {"a": 2}], "next": None, "previous": None}
    assert read(CSVRenderer().render(page)) == [["a"], ["1"], ["2"]]
    lines = NDJSONRenderer().render(page).splitlines()
    assert [json.loads(line) for line in lines] == page["results"]


def test_no_rows_make_no_lines():
    assert NDJSONRenderer().render([]) == b""
    assert read(CSVRenderer().render([])) == [[]]
