from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.plans import (
    LENGTHS,
    Plan,
    PlanRejected,
    parse_plan,
    read_altitude,
    read_departure_time,
    read_duration,
)
from tests.unit.collector.factories import PlanJson, body


def plan(**values) -> Plan:
    parsed = parse_plan(body(PlanJson(**values)))
    assert parsed is not None
    return parsed


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- Altitudes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "feet"),
    [
        ("FL340", 34_000),
        ("F340", 34_000),
        ("340", 34_000),
        ("34000", 34_000),
        ("fl340", 34_000),
        (" 34000 ", 34_000),
        ("VFR/075", 7_500),
        ("075", 7_500),
        ("5500", 5_500),
        ("M0840", 27_559),
        ("S1040", 34_121),
        ("2", 200),
        ("700", 70_000),
        ("70000", 70_000),
    ],
)
def test_filed_altitudes_are_read_with_certainty(text, feet):
    assert read_altitude(text) == (feet, True)


@pytest.mark.parametrize(("text", "feet"), [("340000", 34_000), ("050000", 5_000)])
def test_six_digits_that_end_in_0000_are_ten_times_too_many_and_uncertain(text, feet):
    assert read_altitude(text) == (feet, False)


@pytest.mark.parametrize(
    "text",
    [
        "", "VFR", "0", "1", "00000", "701", "70001", "99999", "710000", "340500", "3400000",
        "-5000", "34,000", "34000ft", "FLFL340", "M084", "M9999", "S00840", "\x00", "1e4",
        "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_altitude_is_not_read(text):
    assert read_altitude(text).feet is None


@given(st.text())
def test_any_altitude_is_in_range_or_not_read(text):
    feet = read_altitude(text).feet
    assert feet is None or 200 <= feet <= 70_000


# --- Durations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "minutes"), [("0005", 5), ("0120", 80), ("1059", 659), ("4800", 48 * 60)]
)
def test_durations_are_hours_and_minutes(text, minutes):
    assert read_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "0000", "0004", "4801", "9959", "0160", "120", "01200", "1:20", "-120", "x" * 5000]
)
def test_durations_outside_5_minutes_to_48_hours_are_not_read(text):
    assert read_duration(text) is None


# --- Departure times ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "near", "expected"),
    [
        ("1130", "2024-11-21T11:00", "2024-11-21T11:30"),
        ("0800", "2024-11-21T11:00", "2024-11-21T08:00"),  # three hours before
        ("0759", "2024-11-21T11:00", None),
        ("1700", "2024-11-21T11:00", "2024-11-21T17:00"),  # six hours after
        ("1701", "2024-11-21T11:00", None),
        ("0015", "2024-11-21T23:50", "2024-11-22T00:15"),
        ("2350", "2024-11-21T00:10", "2024-11-20T23:50"),
        ("0030", "2024-12-31T22:00", "2025-01-01T00:30"),
        ("2400", "2024-11-21T23:50", None),
        ("1160", "2024-11-21T11:00", None),
        ("5772193", "2024-11-21T11:00", None),
        ("130", "2024-11-21T11:00", None),
        ("", "2024-11-21T11:00", None),
        ("0000", "2024-11-21T11:00", None),
        ("0000", "2024-11-21T22:59", None),  # 61 minutes before midnight
        ("0000", "2024-11-21T23:00", "2024-11-22T00:00"),
        ("0000", "2024-11-21T01:00", "2024-11-21T00:00"),
        ("0000", "2024-11-21T01:01", None),
        ("0001", "2024-11-21T22:00", "2024-11-22T00:01"),
    ],
)
def test_departure_times_fall_on_the_day_nearest_to_the_logon(text, near, expected):
    assert read_departure_time(text, at(near)) == (at(expected) if expected else None)


def test_the_logon_may_be_given_in_another_zone():
    near = datetime.fromisoformat("2024-11-21T21:30:00+10:00")
    assert read_departure_time("1130", near) == at("2024-11-21T11:30")


# --- Plans --------------------------------------------------------------------------------------


def test_a_plan_keeps_the_feeds_own_strings():
    assert plan(altitude="VFR", deptime="5772193").altitude == "VFR"
    assert plan(deptime="5772193").deptime == "5772193"
    assert plan(route="A\tB").route == "A\tB"


def test_null_is_no_plan():
    assert parse_plan(b"null") is None


def test_keys_that_the_oldest_recordings_lack_are_optional():
    optional = {"aircraft_faa", "aircraft_short", "revision_id", "assigned_transponder"}
    old = {key: value for key, value in PlanJson().items() if key not in optional}
    parsed = parse_plan(body(old))
    assert parsed is not None
    assert {getattr(parsed, key) for key in optional} == {None}


def test_unknown_keys_are_kept():
    assert plan(cruise_mach="M078", stepped=[1, 2]).extra == {
        "cruise_mach": "M078",
        "stepped": [1, 2],
    }


def test_lengths_are_bounded():
    hostile = plan(**dict.fromkeys(LENGTHS, "x" * 50_000))
    assert {name: len(getattr(hostile, name)) for name in LENGTHS} == LENGTHS


def test_a_feed_of_random_keys_does_not_fill_the_memory():
    assert len(plan(**{f"key{i}": i for i in range(1000)}).extra) <= 32


@pytest.mark.parametrize("hostile", [r"a\u0000b", r"a\ud800b", r"a\udfffb"])
def test_nul_and_lone_surrogates_are_replaced(hostile):
    parsed = parse_plan(body(PlanJson(route="@", note="@")).replace(b"@", hostile.encode()))
    assert parsed is not None
    assert (parsed.route, parsed.extra) == ("a\N{REPLACEMENT CHARACTER}b", {"note": parsed.route})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'"EDDF"',
        b"{}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        body(PlanJson(departure=7)),
        body(PlanJson(route=None)),
        body(PlanJson(revision_id="1")),
        body(PlanJson(revision_id=2**31)),  # the column has 32 bits
        body(PlanJson(revision_id=-(2**31) - 1)),
        body(PlanJson()).replace(b'"revision_id": 1', b'"revision_id": ' + b"9" * 5000),
        body(PlanJson()).replace(b'"revision_id": 1', b'"revision_id": 1e400'),
        body(PlanJson()).replace(b'"revision_id": 1', b'"revision_id": NaN'),
    ],
    ids=lambda content: content[:20],
)
def test_what_is_no_plan_is_rejected(content):
    with pytest.raises(PlanRejected):
        parse_plan(content)


@pytest.mark.parametrize(
    ("values", "aircraft_type"),
    [
        ({"aircraft_short": "A320"}, "A320"),
        ({"aircraft_short": None, "aircraft": "B738/M-SDE2/LB1"}, "B738"),
        ({"aircraft_short": "", "aircraft": "H/B744/L"}, "B744"),
    ],
)
def test_the_type_is_read_from_the_newest_key_that_has_it(values, aircraft_type):
    assert plan(**values).aircraft_type == aircraft_type


def test_only_departure_arrival_and_type_make_another_journey():
    first = plan()
    assert plan(route="DCT", altitude="36000", revision_id=5).ends == first.ends
    for change in ({"departure": "EDDM"}, {"arrival": "EGKK"}, {"aircraft_short": "B738"}):
        assert plan(**change).ends != first.ends


def test_a_plan_differs_by_anything_but_its_revision():
    assert not plan(revision_id=7).differs_from(plan(revision_id=1))
    assert plan(remarks="/T/").differs_from(plan())
    assert plan(new_key=1).differs_from(plan())
