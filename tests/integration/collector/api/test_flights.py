import csv
import io
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collector.models import Flight, Presence
from collector.privacy import pseudonym
from collector.services import aliases
from tests.integration.collector.api.rows import by_callsign, feed
from tests.integration.collector.api.state import forget
from tests.integration.collector.simulated import START, simulated, times

HISTORY = "/api/flights/history"


@pytest.fixture
def staff(signed_in):
    return signed_in("viewer")


@pytest.fixture
def flight(replayed_network) -> Flight:
    return Flight.objects.filter(plan__isnull=False, moved=True).order_by("id")[0]


@pytest.fixture
def ended(play) -> None:
    """Flights of an hour ago ended, since nobody was collecting in between."""
    play(simulated(at) for at in (*times(2), START + timedelta(hours=3)))


class TestOneFlight:
    def test_it_is_shown_with_all_that_belongs_to_it(self, staff, flight, replayed_network):
        answer = staff.get(f"/api/flights/{flight.pk}").json()
        pilot = by_callsign(feed(replayed_network[-1])["pilots"])[flight.callsign]
        same = ("cid", "name", "callsign", "server", "latitude", "altitude", "groundspeed",
                "heading", "qnh_i_hg", "transponder", "logon_time")  # fmt: skip
        assert {key: answer[key] for key in same} == {key: pilot[key] for key in same}
        plan = pilot["flight_plan"]
        assert {key: answer["flight_plan"][key] for key in plan} == plan
        assert answer["plans"][-1] == answer["flight_plan"]
        assert [p["since_at"] for p in answer["presences"]] == ["2026-03-01T12:00:00Z"]
        assert answer["presences"][0]["until_at"] is None
        assert (answer["status"], answer["ended_at"], answer["continues"]) == ("active", None, None)

    def test_anonymous_readers_see_no_member(self, api, flight):
        answer = api.get(f"/api/flights/{flight.pk}").json()
        assert (answer["cid"], answer["name"]) == (pseudonym(flight.cid), None)
        assert str(flight.cid) not in json.dumps(answer)
        assert flight.name not in json.dumps(answer)

    def test_a_prefile_and_a_continuation_are_shown(self, api, flight, replayed_network):
        later = Flight.objects.exclude(pk=flight.pk).filter(plan__isnull=False).first()
        Flight.objects.filter(pk=later.pk).update(continues=flight)
        flight.prefiles.create(
            cid=flight.cid, callsign=flight.callsign, last_updated=START, first_seen_at=START,
            departure="EHAM", arrival="EGLL",
        )  # fmt: skip
        answer = api.get(f"/api/flights/{flight.pk}").json()
        assert answer["continued_by"] == [later.pk]
        assert answer["prefile"]["departure"] == "EHAM"
        assert "name" not in answer["prefile"]
        assert api.get(f"/api/flights/{later.pk}").json()["continues"] == flight.pk

    def test_a_callsign_means_its_latest_flight(self, api, flight):
        old = Flight.objects.get(pk=flight.pk)
        old.pk, old.first_seen_at = None, START - timedelta(days=1)
        old.last_seen_at = old.ended_at = START - timedelta(hours=20)
        old.plan = None
        old.save()
        path = f"/api/flights/by-callsign/{flight.callsign.lower()}"
        assert api.get(path).json()["id"] == flight.pk

    @pytest.mark.parametrize(
        "path", ["0", "9" * 30, "9" * 5000, "by-callsign/NOBODY", "by-callsign/%F0%9F%98%80'--",
                 "by-callsign/x%00y", "0/track", "0/stats"],
    )  # fmt: skip
    def test_an_unknown_flight_is_404(self, api, db, path):
        answer = api.get(f"/api/flights/{path}")
        assert answer.status_code == 404
        assert set(answer.json()) == {"error"}

    def test_queries_do_not_grow_with_what_belongs_to_it(self, api, flight):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                api.get(f"/api/flights/{flight.pk}")
            return len(captured)

        queries()
        before = queries()
        for minute in range(1, 4):
            at = START - timedelta(minutes=minute)
            Presence.objects.create(flight=flight, logon_time=at, since_at=at, until_at=at)
        assert queries() == before

    def test_hostile_texts_are_only_texts(self, browser, flight):
        Flight.objects.filter(pk=flight.pk).update(name="<script>alert(1)</script>{{7*7}}")
        page = browser.get(f"/api/flights/{flight.pk}", HTTP_ACCEPT="text/html").content.decode()
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page


class TestHistory:
    def test_it_holds_ended_flights_page_by_page(self, api, ended):
        pages, address = [], f"{HISTORY}?page_size=25"
        while address:
            page = api.get(address).json()
            pages.append(page["results"])
            address = page["next"]
        ids = [row["id"] for page in pages for row in page]
        assert len(pages) > 1
        assert sorted(ids) == sorted(Flight.objects.ended().values_list("id", flat=True))
        assert all(row["status"] == "ended" for page in pages for row in page)

    @pytest.mark.parametrize(
        "name", ["callsign", "departure", "arrival", "aircraft_short", "end_reason"]
    )
    def test_it_is_filtered(self, api, ended, name):
        flight = Flight.objects.ended().exclude(departure="").first()
        value = getattr(flight, name)
        rows = api.get(HISTORY, {name: value, "page_size": 200}).json()["results"]
        expected = Flight.objects.ended().filter(**{name: value}).values_list("id", flat=True)
        assert {row["id"] for row in rows} == set(expected)

    def test_it_is_filtered_by_time(self, api, ended):
        after = {"ended_after": "2026-03-01T12:00:15Z"}
        rows = api.get(HISTORY, after | {"page_size": 200}).json()["results"]
        assert len(rows) == Flight.objects.filter(ended_at__gte=times(2)[1]).count() > 0
        assert (
            api.get(HISTORY, {"first_seen_before": "2026-03-01T12:00:00Z"}).json()["results"] == []
        )

    def test_a_pseudonym_finds_its_member(self, api, staff, ended):
        flight = Flight.objects.ended().first()
        alias = pseudonym(flight.cid)
        public = api.get(HISTORY, {"cid": alias}).json()["results"]
        assert [(row["id"], row["cid"]) for row in public] == [(flight.pk, alias)]
        assert [row["id"] for row in staff.get(HISTORY, {"cid": flight.cid}).json()["results"]] == [
            flight.pk
        ]
        assert api.get(HISTORY, {"cid": flight.cid}).status_code == 400

    def test_a_pseudonym_finds_who_came_since_and_who_was_erased(self, api, ended):
        flight = Flight.objects.ended().first()
        aliases.member_of(-1)
        Flight.objects.create(
            cid=77, callsign="NEW1", server="S", pilot_rating=0, logon_time=START,
            first_seen_at=START, last_seen_at=START, ended_at=START, end_reason="unseen",
        )  # fmt: skip
        found = api.get(HISTORY, {"cid": pseudonym(77)}).json()["results"]
        assert [row["callsign"] for row in found] == ["NEW1"]
        alias = pseudonym(flight.cid)
        Flight.objects.filter(cid=flight.cid).update(cid=alias)
        forget()
        assert [row["id"] for row in api.get(HISTORY, {"cid": alias}).json()["results"]] == [
            flight.pk
        ]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("cid", "x"), ("cid", "1.5"), ("cid", "9" * 40), ("end_reason", "crashed"),
            ("ended_after", "soon"), ("sector", "X"), ("callsign", "x" * 200), ("ordering", "name"),
        ],
    )  # fmt: skip
    def test_a_bad_parameter_is_400_and_named(self, api, db, name, value):
        answer = api.get(HISTORY, {name: value})
        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == [name]

    def test_csv_neutralises_formulas(self, api, ended):
        Flight.objects.ended().update(callsign="=CMD()")
        answer = api.get(f"{HISTORY}?format=csv&page_size=2")
        lines = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
        assert [line["callsign"] for line in lines] == ["'=CMD()"] * 2
        assert 'rel="next"' in answer["Link"]

    def test_a_page_costs_one_query(self, api, ended, django_assert_num_queries):
        api.get(HISTORY)
        with django_assert_num_queries(1):
            api.get(f"{HISTORY}?page_size=50")


class TestMemory:
    def test_it_shows_what_is_not_stored_yet(self, staff, replayed_network, take_feed):
        waiting = START + timedelta(minutes=2)
        take_feed(*simulated(waiting))
        forget()
        memory = staff.get("/api/flights/memory").json()
        assert memory["feed_at"] == "2026-03-01T12:02:00Z"
        assert {f["callsign"] for f in memory["flights"]} == by_callsign(
            feed(waiting)["pilots"]
        ).keys()
        buffer = memory["buffer"]
        assert (buffer["feeds"], buffer["oldest_at"]) == (1, "2026-03-01T12:02:00Z")
        assert buffer["age_seconds"] == 0
        assert buffer["bytes"] > 1000
        assert isinstance(memory["hits"], dict)
