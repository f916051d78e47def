import csv
import gzip
import io
import json

import pytest
import zstandard
from constance import config

from collector import snapshots
from collector.models import Flight
from collector.privacy import pseudonym
from tests.integration.collector.api.rows import as_held, by_callsign
from tests.integration.collector.api.state import forget

pytestmark = pytest.mark.usefixtures("newest")

FLIGHTS, POSITIONS = "/api/flights", "/api/atc-positions"


@pytest.fixture
def staff(signed_in):
    return signed_in("viewer")


@pytest.fixture
def rows(api) -> list[dict]:
    return api.get(FLIGHTS).json()


def test_staff_read_every_flight_as_the_feed_has_it(staff, newest):
    rows = by_callsign(staff.get(FLIGHTS).json())
    pilots = by_callsign(newest["pilots"])
    assert rows.keys() == pilots.keys()
    same = ("cid", "name", "latitude", "longitude", "altitude", "groundspeed", "flight_plan")
    for callsign, row in rows.items():
        assert {key: row[key] for key in same} == {key: pilots[callsign][key] for key in same}


def test_anonymous_readers_see_pseudonyms_and_no_names(rows, newest):
    pilots = by_callsign(newest["pilots"])
    assert rows
    for row in rows:
        assert row["name"] is None
        assert row["cid"] == pseudonym(pilots[row["callsign"]]["cid"]) < 0


def test_with_public_names_everybody_sees_members(api, newest):
    config.PUBLIC_NAMES = True
    forget()
    named = by_callsign(api.get(FLIGHTS).json())
    assert {(r["cid"], r["name"]) for r in named.values()} == {
        (p["cid"], p["name"]) for p in newest["pilots"]
    }


def test_a_signed_in_browser_gets_the_rendering_of_staff(browser, newest):
    cids = {row["cid"] for row in browser.get(FLIGHTS).json()}
    assert cids == {pilot["cid"] for pilot in newest["pilots"]}


@pytest.mark.parametrize("path", [FLIGHTS, POSITIONS])
def test_a_known_etag_is_answered_by_304_without_a_body(api, path):
    first = api.get(path)
    again = api.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["X-Feed-State"] == first["X-Feed-State"]
    assert api.get(path, HTTP_IF_NONE_MATCH='"another"').status_code == 200


def test_an_etag_of_the_public_is_worth_nothing_to_staff(api, staff):
    assert staff.get(FLIGHTS, HTTP_IF_NONE_MATCH=api.get(FLIGHTS)["ETag"]).status_code == 200


def test_formats_have_etags_of_their_own(api):
    etag = api.get(FLIGHTS)["ETag"]
    answer = api.get(f"{FLIGHTS}?format=csv", HTTP_IF_NONE_MATCH=etag)
    assert answer.status_code == 200
    assert api.get(f"{FLIGHTS}?format=csv", HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304


def test_the_short_way_and_the_usual_way_give_the_same(api):
    short, usual = api.get(FLIGHTS), api.get(f"{FLIGHTS}?format=json")
    assert short.content == usual.content
    for header in ("Content-Type", "ETag", "X-Data-Age", "X-Feed-State", "Cache-Control", "Vary"):
        assert short[header] == usual[header], header


@pytest.mark.parametrize("path", [FLIGHTS, f"{FLIGHTS}?min_altitude=-2000", POSITIONS])
def test_answers_are_compressed_as_the_reader_likes(api, path):
    plain = api.get(path).content
    zipped = api.get(path, HTTP_ACCEPT_ENCODING="gzip, br")
    assert zipped["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.content) == plain
    packed = api.get(path, HTTP_ACCEPT_ENCODING="gzip, zstd")
    assert packed["Content-Encoding"] == "zstd"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed.content) == plain
    assert "Accept-Encoding" in packed["Vary"]


def test_a_head_request_is_answered_like_a_get(api):
    head, get = api.head(FLIGHTS), api.get(FLIGHTS)
    assert head.content == b""
    assert head["ETag"] == get["ETag"]


def test_the_bytes_come_without_a_query_of_the_database(api, django_assert_num_queries):
    api.get(FLIGHTS)
    with django_assert_num_queries(0):
        api.get(FLIGHTS)
        api.get(f"{FLIGHTS}?bbox=-180,-90,180,90")


def is_between(row: dict, low: tuple[float, float], high: tuple[float, float]) -> bool:
    place = (row["longitude"], row["latitude"])
    return all(a <= x <= b for a, x, b in zip(low, place, high, strict=True))


@pytest.mark.parametrize(
    ("parameters", "fits"),
    [
        ("min_altitude=20000", lambda row: row["altitude"] >= 20_000),
        ("min_altitude=1000&max_altitude=9000", lambda row: 1000 <= row["altitude"] <= 9000),
        ("bbox=-20,30,40,70", lambda row: is_between(row, (-20, 30), (40, 70))),
        ("bbox=100,-90,-100,90", lambda row: abs(row["longitude"]) >= 100),
        ("status=active", lambda row: row["status"] == "active"),
    ],
)  # fmt: skip
def test_filters_choose_rows(api, rows, parameters, fits):
    chosen = api.get(f"{FLIGHTS}?{parameters}").json()
    assert chosen == [row for row in rows if fits(row)]
    assert len(chosen) > 0


@pytest.mark.parametrize("name", ["departure", "arrival", "aircraft_short", "flight_rules"])
def test_filters_read_the_plan(api, rows, name):
    value = next(row["flight_plan"][name] for row in rows if row["flight_plan"])
    chosen = api.get(f"{FLIGHTS}?{name}={value.lower()}").json()
    assert chosen == [r for r in rows if r["flight_plan"] and r["flight_plan"][name] == value]


def test_filters_by_callsign_and_pseudonym(api, staff, rows):
    row = rows[0]
    assert api.get(f"{FLIGHTS}?callsign={row['callsign'].lower()}").json() == [row]
    assert api.get(f"{FLIGHTS}?cid={row['cid']}").json() == [row]
    named = staff.get(f"{FLIGHTS}?callsign={row['callsign']}").json()[0]
    assert staff.get(f"{FLIGHTS}?cid={named['cid']}").json() == [named]


def test_anonymous_readers_may_not_ask_for_a_cid(api):
    answer = api.get(f"{FLIGHTS}?cid=1000001")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["cid"]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("bbox=1,2,3", "bbox"),
        ("bbox=nan,0,1,1", "bbox"),
        ("bbox=0,60,1,50", "bbox"),
        ("min_altitude=high", "min_altitude"),
        ("at=yesterday", "at"),
        ("format=xml", "format"),
        ("status=ended", "status"),
        ("phase=cruise", "phase"),
        ("callsign=%00", "callsign"),
        ("callsign=" + "x" * 1000, "callsign"),
    ],
)
def test_a_bad_parameter_is_400_and_named(api, parameters, name):
    answer = api.get(f"{FLIGHTS}?{parameters}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [name]


def test_csv_has_a_line_a_flight_and_a_column_a_value(api, rows):
    answer = api.get(f"{FLIGHTS}?format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [line["callsign"] for line in lines] == [row["callsign"] for row in rows]
    planned = next(i for i, row in enumerate(rows) if row["flight_plan"])
    assert lines[planned]["flight_plan.route"].lstrip("'") == rows[planned]["flight_plan"]["route"]


def test_ndjson_has_a_line_a_flight(api, rows):
    lines = api.get(f"{FLIGHTS}?format=ndjson").content.splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_geojson_has_a_point_a_flight(api, rows):
    answer = api.get(FLIGHTS, HTTP_ACCEPT="application/geo+json")
    assert answer["Content-Type"] == "application/geo+json"
    features = answer.json()["features"]
    assert [feature["properties"] for feature in features] == rows
    assert features[0]["geometry"] == {
        "type": "Point",
        "coordinates": [rows[0]["longitude"], rows[0]["latitude"]],
    }


def test_positions_are_those_that_control(api, staff, newest):
    rows = by_callsign(api.get(POSITIONS).json())
    on_air = {c["callsign"]: c for c in newest["controllers"] if c["frequency"] != "199.998"}
    assert rows
    assert rows.keys() <= on_air.keys()
    short = {entry["id"]: entry["short"] for entry in newest["facilities"]}
    for callsign, row in rows.items():
        controller = on_air[callsign]
        assert row["frequency"] == controller["frequency"]
        assert row["facility"] == {
            "id": controller["facility"],
            "short": short[controller["facility"]],
        }
        assert row["cid"] == pseudonym(controller["cid"])
    named = by_callsign(staff.get(POSITIONS).json())
    assert {row["name"] for row in named.values()} <= {c["name"] for c in on_air.values()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("facility", lambda row: row["facility"]["short"].lower()),
        ("facility", lambda row: str(row["facility"]["id"])),
        ("rating", lambda row: row["rating"]["short"]),
        ("frequency", lambda row: row["frequency"].rstrip("0")),
        ("callsign", lambda row: row["callsign"]),
        ("cid", lambda row: str(row["cid"])),
    ],
)
def test_positions_are_filtered(api, name, value):
    rows = api.get(POSITIONS).json()
    wanted = value(rows[0])
    chosen = api.get(POSITIONS, {name: wanted}).json()
    assert chosen == [row for row in rows if value(row) == wanted]


def test_positions_are_grouped_by_controller(api):
    rows = api.get(POSITIONS).json()
    people = api.get(f"{POSITIONS}/by-controller-id").json()
    assert people.keys() == {str(row["cid"]) for row in rows}
    assert [row for one in people.values() for row in one["positions"]] == rows


def test_the_database_says_the_same_once_redis_has_nothing(staff):
    flights, positions = (by_callsign(staff.get(path).json()) for path in (FLIGHTS, POSITIONS))
    snapshots.withdraw()
    forget()
    stored = by_callsign(staff.get(FLIGHTS).json())
    assert as_held(stored) == as_held(flights)
    assert {row["id"] for row in stored.values()} == set(
        Flight.objects.values_list("id", flat=True)
    )
    assert as_held(by_callsign(staff.get(POSITIONS).json())) == as_held(positions)


def test_a_burst_of_readers_costs_the_database_one_rendering(api, django_assert_max_num_queries):
    snapshots.withdraw()
    forget()
    api.get(f"{FLIGHTS}?format=json")
    with django_assert_max_num_queries(0):
        for _ in range(5):
            api.get(f"{FLIGHTS}?format=json")


def test_closed_to_the_public_both_ways_refuse(api, staff):
    config.PUBLIC_API = False
    forget()
    assert [api.get(path).status_code for path in (FLIGHTS, f"{FLIGHTS}?format=json")] == [401] * 2
    assert staff.get(FLIGHTS).status_code == 200


def test_the_short_way_counts_for_the_throttle(api):
    config.PUBLIC_REQUESTS_PER_MINUTE = 3
    forget()
    answers = [api.get(FLIGHTS).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]


def test_nothing_is_written_through_them(api, staff):
    assert [client.post(FLIGHTS).status_code for client in (api, staff)] == [401, 403]
