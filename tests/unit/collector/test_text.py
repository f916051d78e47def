import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.text import REPLACEMENT, clean, clean_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\x00b", f"a{REPLACEMENT}b"),
        ("a\ud83db", f"a{REPLACEMENT}b"),
        ("\udc00", REPLACEMENT),
        (
            "M\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen",
            "M\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen",
        ),
        ("\N{AIRPLANE}\N{PASSENGER SHIP}", "\N{AIRPLANE}\N{PASSENGER SHIP}"),
    ],
)
def test_nul_and_lone_surrogates_are_replaced(text, expected):
    assert clean(text, 100) == expected


def test_text_is_cut():
    assert clean("x" * 5000, 40) == "x" * 40


@given(ANY_TEXT, st.integers(0, 20))
def test_clean_text_can_be_stored_and_is_clean_already(text, length):
    cleaned = clean(text, length)
    assert len(cleaned) == min(len(text), length)
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == clean(cleaned, length)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (rb'"a\u0000b"', f"a{REPLACEMENT}b"),
        (rb'"\ud83d"', REPLACEMENT),
        (rb'"\uD83Dx\uDE00"', f"{REPLACEMENT}x{REPLACEMENT}"),
        (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (rb'"\ud83d\ud83d\ude00"', f"{REPLACEMENT}\N{GRINNING FACE}"),
        (rb'"\\u0000"', r"\u0000"),  # a backslash, and then text
        (rb'"\\\u0000"', f"\\{REPLACEMENT}"),
        (b'"a\xffb"', f"a{REPLACEMENT}b"),
    ],
)
def test_json_text_is_repaired_before_it_is_decoded(content, expected):
    assert json.loads(clean_json(content)) == expected


def test_json_without_escapes_is_left_as_it_is():
    content = b'{"name": "A Member"}'
    assert clean_json(content) is content


@given(ANY_TEXT)
def test_any_json_text_decodes_to_its_clean_form(text):
    pairs_joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    content = json.dumps(pairs_joined).encode()
    assert json.loads(clean_json(content)) == clean(pairs_joined, len(pairs_joined))


@given(st.binary())
def test_any_bytes_become_utf_8(content):
    assert clean_json(content).decode() is not None
