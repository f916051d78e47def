import gzip
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import decoding
from collector.decoding import KEPT_REJECTS, FeedRejected, extras_reader
from collector.parsing import SERVICE_CALLSIGNS, Feed, parse_feed, parse_transceivers, read_counts
from collector.records import Pilot
from tests.unit.collector.factories import (
    FEED_AT,
    LOGON_AT,
    AtisJson,
    ControllerJson,
    PilotJson,
    PlanJson,
    PrefileJson,
    ServerJson,
    body,
    feed_json,
    parsed,
    radio_json,
    stamp,
)

RECORDED = sorted((Path(__file__).parents[4] / "shared/data/feeds").glob("*.json.gz"))
REPLACED = "\N{REPLACEMENT CHARACTER}"
DEEP = b"[" * 100_000 + b"]" * 100_000
SURROGATE, NUL = rb"\ud83d", rb"\u0000"


@pytest.fixture(autouse=True)
def _nothing_learned(monkeypatch):
    """Give every test decoders that know the feed's own keys alone."""
    fresh = {
        kind: type(decoder)(decoder.kind, decoder.base)
        for kind, decoder in decoding._DECODERS.items()
    }
    envelope = type(decoding._ENVELOPE)("feed", decoding._ENVELOPE.base)
    monkeypatch.setattr(decoding, "_DECODERS", fresh)
    monkeypatch.setattr(decoding, "_ENVELOPE", envelope)
    monkeypatch.setattr(decoding, "_ALL", (envelope, *fresh.values()))


def one(**values) -> Pilot:
    """The record that a feed's only pilot becomes."""
    [pilot] = parsed([PilotJson(**values)]).pilots.values()
    return pilot


def injected(key: str, value: bytes, others: int = 1) -> bytes:
    """A feed with some good pilots and one whose `key` stands for itself in JSON."""
    bad = PilotJson(callsign="BAD1") | {key: "@@"}
    pilots = [bad, *PilotJson.build_batch(others)]
    return body(feed_json(pilots)).replace(b'"@@"', value)


def reasons(feed: Feed) -> dict[tuple[str, str], int]:
    return dict(feed.rejects.counts)


def refusal(content: bytes) -> str:
    with pytest.raises(FeedRejected) as refused:
        parse_feed(content)
    return refused.value.reason


# --- Bodies that are no feed --------------------------------------------------------------------

GOOD = body(feed_json(PilotJson.build_batch(3)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "json"),
        (b"", "json"),
        (b" \n", "json"),
        (GOOD[: len(GOOD) // 2], "json"),
        (GOOD[:-1], "json"),
        (GOOD + b"}", "json"),
        (GOOD + GOOD, "json"),
        (b"\xef\xbb\xbf" + GOOD, "json"),
        (GOOD.decode().encode("utf-16"), "encoding"),
        (GOOD.replace(b"50.03", b"NaN", 1), "json"),
        (GOOD.replace(b"50.03", b"-Infinity", 1), "json"),
        (GOOD.replace(b"A Member", b"A\x00Member", 1), "json"),
        (b"null", "form"),
        (b"[]", "form"),
        (b"7", "form"),
        (b'"feed"', "form"),
        (b"{}", "form"),
        (b"{" + b'"pilots": []' + b"}", "form"),
        (GOOD.replace(b"A Member", "J\xfcrgen".encode("latin-1")), "encoding"),
        (GOOD.replace(b"A Member", b"\xff\xfe\xc3("), "encoding"),
        (GOOD.replace(b"A Member", b"\xed\xa0\xbd"), "encoding"),  # half a pair, in UTF-8
        (b"[" * 100_000, "nested"),
        (DEEP, "nested"),
        (b'{"general":' * 100_000, "nested"),
        (injected("flight_plan", DEEP), "nested"),
        (injected("name", DEEP), "nested"),
        (injected("unheard_of", DEEP), "nested"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_feed_is_rejected_with_its_class(content, reason):
    assert refusal(content) == reason
    with pytest.raises(FeedRejected):
        read_counts(content)


@pytest.mark.parametrize("key", ["general", "pilots", "controllers"])
def test_a_feed_without_its_lists_is_rejected(key):
    feed = feed_json()
    del feed[key]
    assert refusal(body(feed)) == "form"


@pytest.mark.parametrize("value", [None, {}, 7, "pilots"])
@pytest.mark.parametrize("key", ["pilots", "controllers", "atis", "prefiles", "servers"])
def test_a_list_that_is_none_is_rejected(key, value):
    assert refusal(body(feed_json() | {key: value})) == "form"


@pytest.mark.parametrize(
    "timestamp",
    [
        None,
        "",
        "yesterday",
        0,
        "2024-11-21T12:00:00",  # of which zone?
        "2024-13-21T12:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+12:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_a_feed_without_a_time_of_its_own_is_rejected(timestamp):
    feed = feed_json([PilotJson()])
    feed["general"]["update_timestamp"] = timestamp
    assert refusal(body(feed)) == "form"


def test_a_rejected_feed_says_what_is_wrong():
    with pytest.raises(FeedRejected, match=r"no feed: Expected `object`, got `null`"):
        parse_feed(b"null")


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_rejected(content):
    assert refusal(content) in {"json", "form", "encoding", "nested"}


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_any_damage_costs_a_record_or_the_feed(place, damage):
    content = GOOD[:place] + damage + GOOD[place + len(damage) :]
    try:
        feed = parse_feed(content)
    except FeedRejected:
        return
    assert len(feed.pilots) + feed.rejects.counts.total() <= 3


# --- The feed's own time ------------------------------------------------------------------------


@pytest.mark.parametrize("digits", ["", ".1", ".123", ".1234", ".12345", ".123456", ".1234567"])
def test_times_end_in_any_number_of_digits(digits):
    feed = feed_json()
    feed["general"]["update_timestamp"] = f"2024-11-21T12:00:00{digits}Z"
    milliseconds = int(digits[1:4].ljust(3, "0"))
    assert parse_feed(body(feed)).feed_at == FEED_AT + timedelta(milliseconds=milliseconds)


def test_a_feeds_time_is_utc_and_cut_to_milliseconds():
    feed = feed_json()
    feed["general"]["update_timestamp"] = "2024-11-21T22:00:00.999999+10:00"
    feed_at = parse_feed(body(feed)).feed_at
    assert feed_at == FEED_AT.replace(microsecond=999_000)
    assert feed_at.tzinfo is UTC


# --- One bad record -----------------------------------------------------------------------------


def test_one_bad_pilot_among_2000_costs_that_pilot():
    pilots = PilotJson.build_batch(2000)
    pilots[1234]["latitude"] = "north"
    feed = parsed(pilots)
    assert len(feed.pilots) == 1999
    assert reasons(feed) == {("pilots", "Expected `float | null`, got `str` at latitude"): 1}
    assert feed.counts.clients == 2000
    assert (pilots[1234]["cid"], pilots[1234]["callsign"]) not in feed.pilots


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cid", b"null"),
        ("cid", b'"9000001"'),
        ("cid", b"9" * 5000),
        ("cid", b"1e400"),
        ("cid", b"true"),
        ("latitude", b"1e400"),
        ("latitude", b"-1e400"),
        ("latitude", b"9" * 5000),
        ("latitude", b"[]"),
        ("altitude", b"1.5"),
        ("altitude", b"2147483648"),
        ("altitude", b"9" * 5000),
        ("groundspeed", b"-2147483649"),
        ("name", b"null"),
        ("name", b"7"),
        ("callsign", b'""'),
        ("callsign", b"null"),
        ("callsign", b'"' + b"X" * 21 + b'"'),
        ("callsign", b'"' + b"X" * 100_000 + b'"'),
        ("callsign", b'"A\\u202eB"'),
        ("callsign", b'"A\\nB"'),
        ("last_updated", b"null"),
        ("last_updated", b'"yesterday"'),
        ("last_updated", b'"2024-11-21T12:00:00"'),
        ("last_updated", b'"2024-11-19T12:00:00Z"'),
        ("last_updated", b'"2024-11-23T12:00:00Z"'),
        ("logon_time", b'""'),
        ("logon_time", b'"0001-01-01T00:00:00+12:00"'),
        ("logon_time", b'"9999-12-31T23:59:59-12:00"'),
        ("unheard_of", b"1e400"),
        ("unheard_of", b"9" * 5000),
    ],
    ids=lambda value: value[:24],
)
def test_a_bad_value_costs_its_record_and_no_other(key, value):
    feed = parse_feed(injected(key, value, others=2))
    assert len(feed.pilots) == 2
    assert sum(reasons(feed).values()) == 1
    assert {kind for kind, _ in reasons(feed)} == {"pilots"}


@pytest.mark.parametrize("record", [None, [], 7, "pilot", {}])
def test_a_record_that_is_no_record_costs_no_other(record):
    feed = parsed([PilotJson(), record, PilotJson()])
    assert (len(feed.pilots), sum(reasons(feed).values())) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("controllers", ControllerJson),
        ("atis", AtisJson),
        ("prefiles", PrefileJson),
        ("servers", ServerJson),
    ],
)
def test_a_bad_record_of_any_kind_costs_that_record(kind, make):
    good = [make(), make()]
    bad = {key: [] for key in make()}
    feed = parsed(**{kind: [good[0], bad, good[1]]})
    assert len(getattr(feed, kind)) == 2
    assert [k for k, _ in reasons(feed)] == [kind]


@pytest.mark.parametrize("key", sorted(PilotJson().keys() - {"military_rating"}))
def test_a_missing_key_costs_its_record(key):
    incomplete = PilotJson()
    del incomplete[key]
    feed = parsed([incomplete, PilotJson()])
    assert reasons(feed) == {("pilots", f"Object missing required field `{key}`"): 1}


def test_equal_reasons_count_together_and_the_last_records_are_kept():
    feed = parsed(PilotJson(latitude="north", name=f"M{i}") for i in range(50))
    assert list(reasons(feed).values()) == [50]
    assert len(feed.rejects.last) == KEPT_REJECTS
    assert json.loads(feed.rejects.last[-1].record)["name"] == "M49"


def test_a_kept_record_can_be_stored():
    content = injected("altitude", b'"\\u0000' + b"x" * 100_000 + b'"')
    [kept] = parse_feed(content).rejects.last
    assert len(kept.record) <= 4000
    assert "\x00" not in kept.record
    kept.record.encode()


# --- The same client twice ----------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
def test_of_the_same_pilot_twice_the_later_is_taken(order):
    earlier = PilotJson(cid=9_000_001, altitude=1000, last_updated=stamp(FEED_AT))
    later = PilotJson(
        cid=9_000_001, altitude=2000, last_updated=stamp(FEED_AT + timedelta(seconds=1))
    )
    feed = parsed([earlier, later][::order])
    assert [pilot.altitude for pilot in feed.pilots.values()] == [2000]
    assert feed.counts.clients == 2


def test_one_cid_on_two_callsigns_is_two_pilots():
    feed = parsed([PilotJson(cid=9_000_001, callsign=callsign) for callsign in ("A1", "A2")])
    assert feed.pilots.keys() == {(9_000_001, "A1"), (9_000_001, "A2")}


# --- Services of the network --------------------------------------------------------------------


@pytest.mark.parametrize("callsign", sorted(SERVICE_CALLSIGNS))
def test_service_callsigns_are_left_out_without_being_bad(callsign):
    feed = parsed([PilotJson(callsign=callsign)], controllers=[ControllerJson(callsign=callsign)])
    assert (feed.pilots, feed.controllers, reasons(feed)) == ({}, {}, {})


def test_the_services_are_those_of_the_domain():
    assert {"AFVDATA", "AFV-SLURPER", "DATA", "DATASVR", "SUP"} == SERVICE_CALLSIGNS


@pytest.mark.parametrize("cid", [-1, -9_000_001])
def test_negative_cids_are_left_out_without_being_bad(cid):
    feed = parsed([PilotJson(cid=cid, callsign="A1")])
    assert (feed.pilots, reasons(feed)) == ({}, {})


# --- Hostile text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'"a\\ud83db"', f"a{REPLACED}b"),
        (b'"\\udc00"', REPLACED),
        (b'"a\\u0000b"', f"a{REPLACED}b"),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b'"\\\\u0000"', r"\u0000"),
        (b'"<script>alert(1)</script>"', "<script>alert(1)</script>"),  # escaped where shown
    ],
)
def test_lone_surrogates_and_nul_are_replaced(text, expected):
    feed = parse_feed(injected("name", text))
    assert len(feed.pilots) == 2
    assert expected in {pilot.name for pilot in feed.pilots.values()}


def test_a_bad_record_does_not_cost_one_that_can_be_repaired():
    pilots = [PilotJson(name="@"), PilotJson(latitude="north")]
    feed = parse_feed(body(feed_json(pilots)).replace(b"@", SURROGATE))
    assert [pilot.name for pilot in feed.pilots.values()] == [REPLACED]


def test_lengths_are_bounded():
    long = "x" * 10_000
    feed = parsed(
        [PilotJson(name=long, server=long)],
        controllers=[
            ControllerJson(name=long, server=long, frequency=long, text_atis=[long] * 200)
        ],
        atis=[AtisJson(atis_code=long)],
    )
    [pilot], [controller], [atis] = (
        list(records.values()) for records in (feed.pilots, feed.controllers, feed.atis)
    )
    assert (len(pilot.name), len(pilot.server)) == (100, 40)
    assert (len(controller.name), len(controller.server), len(controller.frequency)) == (
        100,
        40,
        12,
    )
    assert controller.text_atis is not None
    assert [len(line) for line in controller.text_atis] == [500] * 100
    assert atis.atis_code is not None
    assert len(atis.atis_code) <= 4


def test_the_texts_of_stations_are_cleaned():
    hostile = "a\x00b"
    station = AtisJson(frequency=hostile, server=hostile, text_atis=[hostile], atis_code=hostile)
    [atis] = parsed(atis=[station]).atis.values()
    assert atis.text_atis == [f"a{REPLACED}b"]
    assert (atis.frequency, atis.server, atis.atis_code) == (f"a{REPLACED}b",) * 3


def test_reference_lists_can_be_stored():
    content = body(feed_json(ratings=[{"id": 5, "short": "@"}])).replace(b"@", NUL)
    references = parse_feed(content).references
    assert references["ratings"] == [{"id": 5, "short": REPLACED}]


# --- Keys that come and go ----------------------------------------------------------------------


def test_optional_keys_may_be_missing():
    pilot = PilotJson()
    del pilot["military_rating"]
    server = ServerJson()
    del server["client_connections_allowed"], server["is_sweatbox"]
    feed = feed_json([pilot], servers=[server])
    del feed["military_ratings"]
    parsed_feed = parse_feed(body(feed))
    [taken] = parsed_feed.pilots.values()
    assert taken.military_rating is None
    assert parsed_feed.servers[0].is_sweatbox is None
    assert parsed_feed.new_keys == []


def test_unknown_keys_are_learned_and_kept():
    feed = parsed(
        [PilotJson(), PilotJson(cid=9_000_001, callsign="A1", wing_fuel=[1, {"left": 2}])],
        updated_date="x",
    )
    extras = extras_reader("pilots")
    assert len(feed.pilots) == 2
    assert feed.new_keys == ["feed.updated_date", "pilots.wing_fuel"]
    assert extras is not None
    assert extras(feed.pilots[9_000_001, "A1"]) == {"wing_fuel": [1, {"left": 2}]}
    assert sorted(len(extras(pilot)) for pilot in feed.pilots.values()) == [0, 1]


def test_without_unknown_keys_there_is_nothing_to_read():
    parsed([PilotJson()])
    assert extras_reader("pilots") is None


def test_a_key_is_new_only_in_feeds_that_have_it():
    parsed([PilotJson(wing_fuel=1)])
    assert parsed([PilotJson()]).new_keys == []


@pytest.mark.parametrize("kind", ["controllers", "atis", "prefiles", "servers"])
def test_records_of_every_kind_may_have_new_keys(kind):
    make = {
        "controllers": ControllerJson,
        "atis": AtisJson,
        "prefiles": PrefileJson,
        "servers": ServerJson,
    }[kind]
    feed = parsed(**{kind: [make(unheard_of=1)]})
    assert (feed.new_keys, reasons(feed)) == ([f"{kind}.unheard_of"], {})


@pytest.mark.parametrize(
    "key",
    ["", "a\x00b", 'a"b', "a\\b", "a\nb", "\N{RIGHT-TO-LEFT OVERRIDE}", "x" * 100_000, "\x7f"],
)
def test_a_hostile_key_costs_at_most_its_record_and_no_later_feed(key):
    feed = parsed([PilotJson(**{key: 1}), PilotJson()])
    assert len(feed.pilots) + sum(reasons(feed).values()) == 2
    assert len(parsed([PilotJson(), PilotJson(harmless=1)]).pilots) == 2


def test_random_keys_do_not_fill_the_memory():
    for start in range(0, 1000, 100):
        parsed([PilotJson(**{f"key{i}": i for i in range(start, start + 100)})])
    assert len(decoding._DECODERS["pilots"].learned) <= decoding.MOST_LEARNED_KEYS
    assert len(parsed([PilotJson()]).pilots) == 1


@pytest.mark.parametrize("hostile", [NUL, SURROGATE])
def test_values_of_unknown_keys_can_be_stored(hostile):
    content = injected("unheard_of", b'["' + hostile + b'", {"' + hostile + b'": 1}]', others=0)
    feed = parse_feed(content)
    extras = extras_reader("pilots")
    assert extras is not None
    [values] = map(extras, feed.pilots.values())
    assert values == {"unheard_of": [REPLACED, {REPLACED: 1}]}


# --- What a pilot's values mean -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "longitude", "is_taken"),
    [
        (90, 180, True),
        (-90.0, -180.0, True),
        (90.001, 8.0, False),
        (-90.001, 8.0, False),
        (50.0, 180.001, False),
        (50.0, -180.001, False),
        (0.0, 0.0, False),
        (0, 0, False),
        (-0.0, 0, False),
        (0.0, 0.001, True),
        (0.001, 0.0, True),
        (None, 8.0, False),
        (50.0, None, False),
        (1e308, 8.0, False),
    ],
)
def test_a_place_that_cannot_be_is_dropped_and_the_pilot_kept(latitude, longitude, is_taken):
    pilot = one(latitude=latitude, longitude=longitude)
    assert (pilot.latitude, pilot.longitude) == (
        (latitude, longitude) if is_taken else (None, None)
    )


@pytest.mark.parametrize(
    ("groundspeed", "expected"),
    [(0, 0), (2160, 2160), (2161, None), (-1, None), (2**31 - 1, None), (None, None)],
)
def test_groundspeeds_are_0_to_2160(groundspeed, expected):
    assert one(groundspeed=groundspeed).groundspeed == expected


@pytest.mark.parametrize(
    ("altitude", "groundspeed", "expected"),
    [
        (-2000, 0, -2000),
        (-2001, 0, None),
        (100_000, 400, 100_000),
        (100_001, 400, None),
        (0, 150, 0),
        (0, 151, None),
        (1, 151, 1),
        (0, None, 0),
        (None, 0, None),
    ],
)
def test_an_altitude_that_cannot_be_is_dropped_and_the_point_kept(altitude, groundspeed, expected):
    pilot = one(altitude=altitude, groundspeed=groundspeed)
    assert (pilot.altitude, pilot.latitude) == (expected, 50.03)


@pytest.mark.parametrize(
    ("heading", "expected"), [(0, 0), (359, 359), (360, 0), (361, 1), (-10, 350), (None, None)]
)
def test_headings_are_modulo_360(heading, expected):
    assert one(heading=heading).heading == expected


@pytest.mark.parametrize("transponder", ["0000", "7777", "2201"])
def test_squawks_of_four_octal_digits_are_text(transponder):
    assert one(transponder=transponder).transponder == transponder


@pytest.mark.parametrize(
    "transponder",
    ["", "0", "8000", "1239", "12345", " 2201", "-123", "abcd", "x" * 5000, None, "\uff11" * 4],
)
def test_other_squawks_are_null(transponder):
    assert one(transponder=transponder).transponder is None


@pytest.mark.parametrize(
    ("inches", "hpa", "expected"),
    [
        (29.92, 1013, (29.92, 1013)),
        (30, 1016, (30, 1016)),
        (29.92, 900, (29.92, 1013)),  # inches are preferred where the two disagree
        (25.43, 861, (25.43, 861)),
        (32.36, 1096, (32.36, 1096)),
        (29.92, -13061, (29.92, 1013)),
        (0.0, 1013, (29.91, 1013)),
        (29.92, None, (29.92, 1013)),
        (None, 1013, (29.91, 1013)),
        (25.0, 847, (None, None)),
        (32.5, 1101, (None, None)),
        (0.0, 0, (None, None)),
        (1e308, 2**31 - 1, (None, None)),
        (None, None, (None, None)),
    ],
)
def test_qnh_is_861_to_1096_hpa_and_both_forms_agree(inches, hpa, expected):
    pilot = one(qnh_i_hg=inches, qnh_mb=hpa)
    assert (pilot.qnh_i_hg, pilot.qnh_mb) == expected


JSON_NUMBERS = st.none() | st.integers(-(2**31), 2**31 - 1)
JSON_FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.fixed_dictionaries(
        {
            "latitude": JSON_FLOATS,
            "longitude": JSON_FLOATS,
            "altitude": JSON_NUMBERS,
            "groundspeed": JSON_NUMBERS,
            "heading": JSON_NUMBERS,
            "qnh_i_hg": JSON_FLOATS,
            "qnh_mb": JSON_NUMBERS,
            "transponder": st.none() | st.text(max_size=5),
        }
    )
)
def test_whatever_a_pilot_sends_can_be_stored(values):
    pilot = one(**values)
    assert (pilot.latitude is None) is (pilot.longitude is None)
    assert pilot.latitude is None or (abs(pilot.latitude) <= 90 and abs(pilot.longitude) <= 180)
    assert pilot.groundspeed is None or 0 <= pilot.groundspeed <= 2160
    assert pilot.altitude is None or -2000 <= pilot.altitude <= 100_000
    assert pilot.heading is None or 0 <= pilot.heading < 360
    assert (pilot.qnh_i_hg is None) is (pilot.qnh_mb is None)
    assert pilot.qnh_mb is None or 861 <= pilot.qnh_mb <= 1096
    assert pilot.qnh_i_hg is None or math.isclose(
        pilot.qnh_i_hg * 33.8639, pilot.qnh_mb, abs_tol=1.01
    )


def test_times_later_than_the_feeds_are_normal():
    later = FEED_AT + timedelta(seconds=20)
    assert one(last_updated=stamp(later)).last_updated == later
    assert one(logon_time=stamp(later)).logon_time == later


def test_a_plan_stays_as_it_came():
    plan = PlanJson()
    assert json.loads(bytes(one(flight_plan=plan).flight_plan)) == plan
    assert bytes(one().flight_plan) == b"null"


# --- Controllers and prefiles -------------------------------------------------------------------


def test_controllers_keep_the_feeds_values():
    feed = parsed(controllers=[ControllerJson(cid=9_000_001, text_atis=["One", "Two"])])
    controller = feed.controllers[9_000_001, "EDDF_TWR"]
    assert (controller.frequency, controller.facility, controller.rating) == ("119.900", 4, 5)
    assert (controller.visual_range, controller.text_atis) == (50, ["One", "Two"])
    assert controller.logon_time == LOGON_AT


@pytest.mark.parametrize(("code", "text"), [(None, None), ("K", None), (None, ["Text"])])
def test_an_atis_may_have_no_code_and_no_text(code, text):
    [atis] = parsed(atis=[AtisJson(atis_code=code, text_atis=text)]).atis.values()
    assert (atis.atis_code, atis.text_atis) == (code, text)


def test_prefiles_may_be_hours_old_and_repeat_a_callsign_or_a_cid():
    old = stamp(FEED_AT - timedelta(hours=30))
    prefiles = [
        PrefileJson(cid=9_000_001, callsign="A1", last_updated=old),
        PrefileJson(cid=9_000_002, callsign="A1"),
        PrefileJson(cid=9_000_001, callsign="A2"),
    ]
    assert len(parsed(prefiles=prefiles).prefiles) == 3


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"])
def test_a_prefile_at_the_ends_of_the_calendar_is_rejected(time):
    feed = parsed(prefiles=[PrefileJson(last_updated=time), PrefileJson()])
    assert (len(feed.prefiles), sum(reasons(feed).values())) == (1, 1)


# --- Transceivers -------------------------------------------------------------------------------


def radios(*transceivers, callsign="EDDF_TWR"):
    return {"callsign": callsign, "transceivers": list(transceivers)}


def test_transceivers_are_read_by_callsign():
    clients, rejects = parse_transceivers(body([radios(radio_json(id=3)), radios(callsign="A1")]))
    [radio] = clients["EDDF_TWR"]
    assert (radio.id, radio.frequency) == (3, 119_900_000)
    assert (radio.latitude, radio.longitude) == (50.03, 8.57)
    assert (radio.height_msl_m, radio.height_agl_m) == (130.0, 20.0)
    assert clients["A1"] == []
    assert rejects.counts.total() == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "json"),
        (b"<html>", "json"),
        (body([radios(radio_json())])[:-5], "json"),
        (b"null", "form"),
        (b"{}", "form"),
        (DEEP, "nested"),
        (b"[" * 100_000, "nested"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_list_of_transceivers_is_rejected_with_its_class(content, reason):
    with pytest.raises(FeedRejected) as refused:
        parse_transceivers(content)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "bad",
    [
        None,
        {},
        radios(callsign=""),
        radios(callsign="x" * 100_000),
        radios(radio_json(frequency=-1)),
        radios(radio_json(frequency=2**31)),
        radios(radio_json(latDeg="north")),
        radios(radio_json(latDeg=None)),
        radios(radio_json(id=2**31)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_client_of_transceivers_costs_no_other(bad):
    clients, rejects = parse_transceivers(body([radios(radio_json()), bad]))
    assert list(clients) == ["EDDF_TWR"]
    assert rejects.counts.total() == 1


@pytest.mark.parametrize("hostile", [NUL, SURROGATE])
def test_callsigns_of_transceivers_can_be_stored(hostile):
    clients, _ = parse_transceivers(body([radios(callsign="@")]).replace(b"@", hostile))
    assert list(clients) == [REPLACED]


@pytest.mark.parametrize("frequency", [0, 122_800_012, 6_547_000, 12_280_000, 199_998_000])
def test_any_frequency_that_was_recorded_is_taken(frequency):
    clients, _ = parse_transceivers(body([radios(radio_json(frequency=frequency))]))
    assert clients["EDDF_TWR"][0].frequency == frequency


# --- Recorded feeds -----------------------------------------------------------------------------


@pytest.mark.skipif(not RECORDED, reason="no recorded feeds here")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_recorded_feeds_lose_nothing(path):
    content = gzip.decompress(path.read_bytes())
    raw = json.loads(content)
    feed = parse_feed(content)
    assert reasons(feed) == {}
    assert feed.feed_at <= datetime.fromisoformat(raw["general"]["update_timestamp"])
    for kind in ("pilots", "controllers", "atis", "prefiles"):
        expected = {
            (record["cid"], record["callsign"])
            for record in raw[kind]
            if record["cid"] > 0 and record["callsign"] not in SERVICE_CALLSIGNS
        }
        assert getattr(feed, kind).keys() == expected
