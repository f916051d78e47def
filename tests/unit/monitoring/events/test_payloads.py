"""Payloads are valid by their type, and PostgreSQL can hold them."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.events.payloads import InvalidPayload, PayloadType, clean, storable_json


class Inner(msgspec.Struct):
    words: list[str]


class Payload(msgspec.Struct):
    number: float
    at: datetime
    inner: Inner | None = None
    names: dict[str, str] = {}


AT = datetime(2026, 1, 5, tzinfo=UTC)
TYPE = PayloadType(Payload)


def test_a_struct_comes_back_as_it_was():
    payload = Payload(1.5, AT, Inner(["a", "é"]), {"k": "v"})
    assert TYPE.decode(TYPE.encode(payload)) == payload


@pytest.mark.parametrize(
    "payload",
    [
        Payload("1", AT),
        Payload(float("nan"), AT),
        Payload(1, "noon"),
        Payload(1, AT, Inner([1])),
        {"number": 1},
        {"number": 1, "at": 7},
        "text",
        {1: 2, (3,): 4},
    ],
)
def test_what_does_not_fit_is_refused(payload):
    with pytest.raises(InvalidPayload):
        TYPE.encode(payload)


def test_a_payload_that_holds_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(InvalidPayload):
        TYPE.encode({"number": 1, "at": AT, "inner": endless})


@given(st.dictionaries(st.text(), st.text()))
def test_any_text_can_be_stored(names):
    stored = storable_json(names)
    assert b"\\u0000" not in stored.replace(b"\\\\", b"")
    stored.decode()
    if all(clean(text, 10**6) == text for pair in names.items() for text in pair):
        assert msgspec.json.decode(stored) == names


@given(st.text(alphabet=st.characters(), max_size=50))
def test_cleaning_keeps_what_is_harmless_and_cuts(text):
    cleaned = clean(text, 20)
    assert len(cleaned) <= 20
    assert "\0" not in cleaned
    cleaned.encode()
    if "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text):
        assert cleaned == text[:20]
