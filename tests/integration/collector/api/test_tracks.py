import csv
import io
import json
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest

from collector.models import Flight, Position
from collector.privacy import pseudonym
from tests.integration.collector.api.rows import by_callsign, feed
from tests.integration.collector.simulated import START, simulated, times

WINDOW, EXPORT = "/api/flights/window", "/api/exports/positions"
SPAN = {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T12:10:00Z"}


@pytest.fixture
def staff(signed_in):
    return signed_in("viewer")


@pytest.fixture
def flight(replayed_network) -> Flight:
    return Flight.objects.filter(flown=True, moved=True).order_by("id")[0]


@pytest.fixture
def reconnected(play) -> Flight:
    """A flight that was away for three of eight feeds and came back, then changed its code."""
    feeds = [(at, feed(at)) for at in times(8)]
    callsign = next(p for p in feeds[0][1]["pilots"] if p["groundspeed"] > 200)["callsign"]
    for i, (_, content) in enumerate(feeds):
        pilot = by_callsign(content["pilots"])[callsign]
        if i in (2, 3, 4):
            content["pilots"].remove(pilot)
            content["general"]["connected_clients"] -= 1
        elif i > 4:
            pilot["logon_time"] = "2026-03-01T12:01:10Z"
            pilot["transponder"] = "1234" if i == 5 else "4321"
    play((json.dumps(content).encode(), None) for _, content in feeds)
    return Flight.objects.get(callsign=callsign)


class TestTrack:
    def test_it_holds_every_position_in_time_order(self, api, flight, replayed_network):
        columns = api.get(f"/api/flights/{flight.pk}/track").json()["positions"]
        pilots = [by_callsign(feed(at)["pilots"])[flight.callsign] for at in replayed_network]
        assert columns["latitude"] == [pilot["latitude"] for pilot in pilots]
        assert columns["longitude"] == [pilot["longitude"] for pilot in pilots]
        assert columns["altitude"] == [pilot["altitude"] for pilot in pilots]
        assert columns["qnh_i_hg"] == [pilot["qnh_i_hg"] for pilot in pilots]
        assert columns["at"] == sorted(columns["at"])
        assert columns["piece"] == [0] * 8

    def test_csv_and_ndjson_have_a_line_a_position(self, api, flight):
        path = f"/api/flights/{flight.pk}/track"
        columns = api.get(path).json()["positions"]
        lines = api.get(f"{path}?format=ndjson").content.splitlines()
        assert [json.loads(line)["latitude"] for line in lines] == columns["latitude"]
        text = api.get(f"{path}?format=csv").content.decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["at"] for row in rows] == columns["at"]
        assert list(rows[0]) == list(columns)

    def test_geojson_is_a_line_with_times(self, api, flight):
        path = f"/api/flights/{flight.pk}/track"
        columns = api.get(path).json()["positions"]
        feature = api.get(f"{path}?format=geojson").json()
        assert feature["geometry"]["type"] == "LineString"
        assert feature["geometry"]["coordinates"] == [
            list(place) for place in zip(columns["longitude"], columns["latitude"], strict=True)
        ]
        assert feature["properties"]["times"] == columns["at"]
        assert feature["properties"]["altitude"] == columns["altitude"]

    def test_it_is_broken_where_the_flight_was_away_and_nowhere_else(self, api, reconnected):
        path = f"/api/flights/{reconnected.pk}/track"
        assert api.get(path).json()["positions"]["piece"] == [0, 0, 1, 1, 1]
        geometry = api.get(f"{path}?format=geojson").json()["geometry"]
        assert geometry["type"] == "MultiLineString"
        assert [len(line) for line in geometry["coordinates"]] == [2, 3]

    def test_a_flight_without_a_position_has_an_empty_track(self, api, play):
        content = feed(START)
        content["pilots"][0] |= {"latitude": 0, "longitude": 0}
        play([(json.dumps(content).encode(), None)])
        path = f"/api/flights/{Flight.objects.get(first_latitude=None).pk}/track"
        assert api.get(path).json()["positions"]["at"] == []
        assert api.get(f"{path}?format=geojson").json()["geometry"] is None
        assert api.get(path.replace("track", "stats")).json()["positions"] == 0


class TestStats:
    def test_they_are_measured_from_positions(self, api, flight):
        stats = api.get(f"/api/flights/{flight.pk}/stats").json()
        assert (stats["positions"], stats["gaps"]) == (8, 0)
        assert stats["observed_seconds"] == 105
        assert stats["distance_flown_nm"] == pytest.approx(stats["great_circle_nm"], rel=0.05)
        expected = stats["max_groundspeed"] * stats["tracked_seconds"] / 3600
        assert stats["distance_flown_nm"] == pytest.approx(expected, rel=0.2)
        assert stats["top_speed_kt"] == pytest.approx(stats["max_groundspeed"], rel=0.2)

    def test_what_lies_in_a_gap_is_not_flown(self, api, reconnected):
        stats = api.get(f"/api/flights/{reconnected.pk}/stats").json()
        assert (stats["positions"], stats["gaps"]) == (5, 1)
        assert stats["distance_flown_nm"] < 0.6 * stats["great_circle_nm"]
        assert stats["observed_seconds"] == 15 + 15 * 2 - 15  # a new code begins a new presence


class TestWindow:
    def test_each_flight_has_one_position_a_step(self, api, replayed_network):
        answer = api.get(WINDOW, SPAN | {"step": "30"}).json()
        assert (answer["from"], answer["to"], answer["step"]) == (*SPAN.values(), 30)
        assert {f["callsign"] for f in answer["flights"]} == set(
            Flight.objects.values_list("callsign", flat=True)
        )
        flight = next(f for f in answer["flights"] if len(f["seconds"]) == 4)
        steps = [int(seconds // 30) for seconds in flight["seconds"]]
        assert steps == sorted(set(steps))
        assert all(len(flight[name]) == 4 for name in ("latitude", "longitude", "altitude"))

    def test_positions_and_their_seconds_are_the_stored_ones(self, api, replayed_network):
        for row in api.get(WINDOW, SPAN | {"step": "15"}).json()["flights"][:5]:
            first = Position.objects.filter(flight_id=row["id"], at__gte=START).order_by("at")[0]
            assert row["latitude"][0] == first.latitude
            assert START + timedelta(seconds=row["seconds"][0]) == first.at

    def test_members_are_shown_to_staff_only(self, api, staff, replayed_network):
        named = {row["callsign"]: row["cid"] for row in staff.get(WINDOW, SPAN).json()["flights"]}
        assert named == dict(Flight.objects.values_list("callsign", "cid"))
        aliases = {row["callsign"]: row["cid"] for row in api.get(WINDOW, SPAN).json()["flights"]}
        assert aliases == {callsign: pseudonym(cid) for callsign, cid in named.items()}

    def test_a_box_leaves_out_what_lies_outside(self, api, replayed_network):
        rows = api.get(WINDOW, SPAN | {"bbox": "-20,30,40,70"}).json()["flights"]
        assert 0 < len(rows) < Flight.objects.count()
        assert all(-20 <= min(row["longitude"]) <= max(row["longitude"]) <= 40 for row in rows)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"from": ""}, "from"), ({"to": ""}, "to"), ({"to": "2026-03-01T14:00:01Z"}, "to"),
            ({"to": "2026-03-01T11:00:00Z"}, "to"), ({"step": "5"}, "step"),
            ({"to": "2026-03-01T14:00:00Z", "step": "15"}, "step"), ({"bbox": "x"}, "bbox"),
        ],
    )  # fmt: skip
    def test_what_would_be_too_much_is_400(self, api, db, changes, name):
        answer = api.get(WINDOW, SPAN | changes)
        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == [name]


class TestExport:
    @pytest.fixture
    def stored(self, play) -> list[datetime]:
        """Feeds in two windows."""
        feeds = [*times(3), START + timedelta(minutes=16)]
        play(simulated(at) for at in feeds)
        return feeds

    def test_parquet_holds_every_position_of_the_span(self, staff, stored):
        span = {"from": "2026-03-01T11:00:00Z", "to": "2026-03-01T13:00:00Z", "format": "parquet"}
        answer = staff.get(EXPORT, span)
        assert answer["Content-Type"] == "application/vnd.apache.parquet"
        assert "positions-20260301T110000Z" in answer["Content-Disposition"]
        file = pq.ParquetFile(io.BytesIO(b"".join(answer.streaming_content)))
        assert file.num_row_groups == 2
        rows = file.read().to_pylist()
        members = dict(Flight.objects.values_list("id", "cid"))
        assert {(r["flight_id"], r["at"], r["latitude"], r["altitude"]) for r in rows} == set(
            Position.objects.values_list("flight_id", "at", "latitude", "altitude")
        )
        assert all(row["cid"] == members[row["flight_id"]] for row in rows)

    def test_a_span_takes_its_ends_from_the_positions_own_times(self, staff, stored):
        since, until = START + timedelta(seconds=5), START + timedelta(seconds=25)
        span = {"from": since.isoformat(), "to": until.isoformat(), "format": "ndjson"}
        lines = b"".join(staff.get(EXPORT, span).streaming_content).splitlines()
        expected = Position.objects.filter(at__gte=since, at__lte=until).count()
        assert len(lines) == expected > 0

    def test_csv_has_one_line_of_headings(self, staff, stored):
        span = {"from": "2026-03-01T11:00:00Z", "to": "2026-03-01T13:00:00Z", "format": "csv"}
        text = b"".join(staff.get(EXPORT, span).streaming_content).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == Position.objects.count()
        assert {row["callsign"] for row in rows} == set(
            Flight.objects.values_list("callsign", flat=True)
        )

    def test_without_a_format_it_names_the_formats(self, staff, db):
        links = staff.get(EXPORT, SPAN).json()
        assert set(links) == {"parquet", "csv", "ndjson"}
        answer = staff.get(links["parquet"])
        assert pq.ParquetFile(io.BytesIO(b"".join(answer.streaming_content))).metadata.num_rows == 0

    def test_a_span_has_a_limit(self, staff, db):
        span = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
        assert staff.get(EXPORT, span).status_code == 400
