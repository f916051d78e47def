"""What people read: names of columns, and rounded quantities with their units."""

import re

import pytest

from collector.admin.base import page_of
from collector.admin.labels import label_of, place, quantity, route


def test_quantities_are_rounded_and_have_a_unit():
    assert quantity(132.283, "m") == "132\N{NO-BREAK SPACE}m"
    assert quantity(0.0119987, "s", 2) == "0.01\N{NO-BREAK SPACE}s"
    assert quantity(1_234_567.0, "kB") == "1,234,567\N{NO-BREAK SPACE}kB"
    assert quantity(0, "ft") == "0\N{NO-BREAK SPACE}ft"
    assert quantity(None, "ft") == "-"


@pytest.mark.parametrize(
    ("latitude", "longitude", "text"),
    [
        (-37.674233, 144.844225, "37.674°S 144.844°E"),
        (35.0, -106.6, "35.000°N 106.600°W"),
        (0, 0, "0.000°N 0.000°E"),
    ],
)
def test_places_are_written_with_the_sides_of_the_world(latitude, longitude, text):
    assert place(latitude, longitude).replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_route_is_as_much_as_is_known():
    assert route("YSSY", "YMML") == "YSSY \N{EN DASH} YMML"
    assert route("YSSY", "") == "YSSY \N{EN DASH} ?"
    assert route("", "") == "-"


def test_columns_have_names_for_people():
    assert (label_of("cid"), label_of("cruise_tas")) == ("CID", "Cruise speed (TAS, kt)")
    assert label_of("pilot_rating") == "Pilot rating"


def test_no_page_shows_raw_numbers_or_odd_names(viewer, make_tuning, make_poll, make_flight):
    tuning = make_tuning()
    tuning.latitude, tuning.longitude = -37.67423312345, 144.8442251111
    tuning.height_msl_m, tuning.height_agl_m = 132.28300001, 3.0479999
    tuning.save()
    poll = make_poll(fetch_seconds=0.011998788999790122)
    flight = make_flight(ground_altitude=434)
    for row in (tuning, poll, flight):
        for address in (page_of(row), f"/admin/collector/{row._meta.model_name}/"):
            html = viewer.get(address).content.decode()
            assert not re.search(r"\d\.\d{4,}", html), address
            assert not re.search(r">(Cid|Atis|Height msl m|Deptime):", html), address
    assert "132\N{NO-BREAK SPACE}m" in viewer.get(page_of(tuning)).content.decode()
    assert "434\N{NO-BREAK SPACE}ft" in viewer.get(page_of(flight)).content.decode()
