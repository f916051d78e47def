from datetime import UTC, datetime

import django_filters
import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from monitoring.api import parameters


def refused(read, raw, **options) -> list[str]:
    with pytest.raises(ValidationError) as refusal:
        read({"name": raw}, "name", None, **options)
    return list(refusal.value.detail)


READERS = [
    (parameters.integer, {}),
    (parameters.number, {"least": 0, "most": 1}),
    (parameters.instant, {}),
    (parameters.choice, {"allowed": ["a"]}),
    (parameters.text, {}),
]


@pytest.mark.parametrize(("read", "options"), READERS)
def test_an_absent_or_empty_parameter_is_the_default(read, options):
    assert read({}, "name", "default", **options) == "default"
    assert read({"name": ""}, "name", "default", **options) == "default"


@pytest.mark.parametrize(("read", "options"), READERS)
@given(raw=st.text())
def test_any_text_is_read_or_refused_by_name(read, options, raw):
    names: list[str] = []
    try:
        read({"name": raw}, "name", None, **options)
    except ValidationError as refusal:
        names = list(refusal.detail)
    assert names in ([], ["name"])


@pytest.mark.parametrize(("raw", "value"), [("7", 7), ("-7", -7), ("+7", 7), ("007", 7)])
def test_integers_are_read(raw, value):
    assert parameters.integer({"name": raw}, "name", 0) == value


@pytest.mark.parametrize(
    "raw", ["1_000", "1.0", "1e3", " 7", "\u0667", "9" * 5000, str(2**63), "0x7"]
)
def test_what_is_no_bigint_is_refused(raw):
    assert refused(parameters.integer, raw) == ["name"]


def test_limits_belong_to_what_is_allowed():
    assert parameters.integer({"name": "5"}, "name", 0, least=5, most=5) == 5
    assert refused(parameters.integer, "6", most=5) == ["name"]
    assert refused(parameters.integer, "4", least=5) == ["name"]


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf", "1e400", "x", "1.01"])
def test_numbers_are_finite_and_within_limits(raw):
    assert refused(parameters.number, raw, least=-1, most=1) == ["name"]
    assert parameters.number({"name": "-0.5"}, "name", 0, least=-1, most=1) == -0.5


@pytest.mark.parametrize(
    "raw", ["2026-11-22T10:15:00Z", "2026-11-22T10:15:00", "2026-11-22T11:15:00+01:00"]
)
def test_instants_are_read_in_utc(raw):
    expected = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    value = parameters.instant({"name": raw}, "name", None)
    assert value == expected
    assert value.tzinfo is UTC


@pytest.mark.parametrize(
    "raw", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00"]
)
def test_impossible_instants_are_refused(raw):
    assert refused(parameters.instant, raw) == ["name"]


def test_a_text_has_a_longest_length():
    assert parameters.text({"name": "abc"}, "name", None, longest=3) == "abc"
    assert refused(parameters.text, "abcd", longest=3) == ["name"]


def test_a_choice_names_what_is_allowed():
    assert parameters.choice({"name": "a"}, "name", None, allowed=["a", "b"]) == "a"
    with pytest.raises(ValidationError, match="a, b"):
        parameters.choice({"name": "c"}, "name", None, allowed=["a", "b"])


def test_every_unknown_parameter_is_named():
    with pytest.raises(ValidationError) as refusal:
        parameters.refuse_unknown(["known", "callsing", "\0\ud800"], {"known"})
    assert list(refusal.value.detail) == ["callsing", r"\x00\ud800"]


def test_both_ends_of_a_range_filter_are_known():
    class Users(django_filters.FilterSet):
        joined = django_filters.IsoDateTimeFromToRangeFilter(field_name="date_joined")

        class Meta:
            model = User
            fields = ("username",)

    names = set(parameters.filter_parameters(Users))
    assert names == {"username", "joined_after", "joined_before"}
