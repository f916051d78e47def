"""Which errors are the same."""

import re

import pytest

from monitoring.errors.fingerprint import VERSION, fingerprint_of, normalise, place_of, type_name


def fail(number: int) -> None:
    raise ValueError(number)


def fail_elsewhere(number: int) -> None:
    raise ValueError(number)


def raised(function, *args) -> Exception:
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001 - whatever it was
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ("BAW12P has no plan", "# has no plan"),
        ("N172SP and DLH4", "# and #"),
        ("EGLL_TWR and EGLL_1_TWR left", "# and # left"),
        ("at 51.4775, -0.4614 in 12:30:05", "at #, -# in #"),
        ("object at 0x7f3a2b", "object at #"),
        ("id 3f2a-ab12-99 or a1b2c3d4-0000-1111-2222-333344445555", "id # or #"),
        ("no column 'speed' in \"feed\" of `x`", "no column # in # of #"),
        ("can't open 'a b.txt'", "cant open #"),
        ("'NoneType' object has no attribute 'cid'", "# object has no attribute #"),
        ("feed_at is null", "feed_at is null"),
        ("timeout: too slow", "timeout: too slow"),
        ("", ""),
    ],
)
def test_a_message_loses_what_differs_from_error_to_error(message: str, normal: str) -> None:
    assert normalise(message) == normal


def test_the_place_is_our_functions_without_lines_innermost_last() -> None:
    place = place_of(raised(fail, 1))
    assert place[-1].endswith("test_fingerprint.py:fail")
    assert not re.search(r":\d", "".join(place))
    assert place != place_of(raised(fail_elsewhere, 1))
    assert place == place_of(raised(fail, 2))


def test_what_a_library_did_in_between_does_not_count() -> None:
    place = place_of(raised(re.sub, "a", lambda _: fail(1), "a"))
    assert not any("re/" in name for name in place)
    assert place[-1].endswith(":fail")


def test_an_error_of_a_library_alone_has_its_functions() -> None:
    error = raised(re.compile, "(")
    error.__traceback__ = error.__traceback__.tb_next
    assert place_of(error)[-1].startswith("re/_parser.py:")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError()) == ()


def test_a_fingerprint_tells_types_places_and_messages_apart_and_names_its_algorithm() -> None:
    prints = {
        fingerprint_of("A", ("f",), "m"),
        fingerprint_of("B", ("f",), "m"),
        fingerprint_of("A", ("g",), "m"),
        fingerprint_of("A", ("f", "g"), "m"),
        fingerprint_of("A", ("f",), "n"),
    }
    assert len(prints) == 5
    assert all(each.startswith(f"{VERSION}-") and len(each) <= 64 for each in prints)


def test_a_lone_surrogate_can_be_told_apart_as_well() -> None:
    assert fingerprint_of("A", ("f",), "\ud800")


def test_types_have_dotted_names() -> None:
    assert type_name(KeyError) == "KeyError"
    assert type_name(re.error) == "re.error"
