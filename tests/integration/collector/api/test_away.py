import pytest

from collector.services import current
from tests.integration.collector.api.rows import by_callsign, feed
from tests.integration.collector.api.state import forget

FLIGHTS, POSITIONS = "/api/flights", "/api/atc-positions"


@pytest.fixture
def known(api, replayed_network) -> dict:
    """The flights of the newest feed, as an anonymous reader saw them before the fault."""
    forget()
    return by_callsign(api.get(FLIGHTS).json())


@pytest.mark.usefixtures("known", "redis_away")
class TestWithoutRedis:
    def test_the_lists_come_from_the_database(self, api, replayed_network):
        rows = by_callsign(api.get(FLIGHTS).json())
        assert rows.keys() == by_callsign(feed(replayed_network[-1])["pilots"]).keys()
        assert api.get(POSITIONS).json()
        assert api.get("/api/network/status").json()["pilots"] == len(rows)

    def test_they_have_an_etag_and_an_age_too(self, api):
        answer = api.get(FLIGHTS)
        assert answer["X-Feed-State"] == "outage"
        assert api.get(FLIGHTS, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304

    def test_the_status_says_so(self, api):
        status = api.get("/api/status").json()
        assert status["services"]["cache"] == status["services"]["buffer"] == "unhealthy"
        assert status["services"]["database"] == "healthy"
        assert status["flights"] > 0

    def test_the_memory_is_unavailable(self, signed_in):
        answer = signed_in("viewer").get("/api/flights/memory")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "unavailable"


class TestWithoutPostgres:
    @pytest.fixture
    def network(self, transactional_db, replayed_network, postgres_away):
        forget()
        return by_callsign(feed(replayed_network[-1])["pilots"])

    def test_the_public_lists_go_on(self, api, network):
        assert by_callsign(api.get(FLIGHTS).json()).keys() == network.keys()
        filtered = api.get(FLIGHTS, {"min_altitude": "-2000"})
        assert filtered.status_code == 200
        assert api.get(POSITIONS).status_code == 200
        assert api.get(f"{POSITIONS}/by-controller-id").status_code == 200

    def test_the_network_goes_on_without_its_day(self, api, network):
        answer = api.get("/api/network/status").json()
        assert answer["pilots"] == len(network)
        assert answer["counts"] is None

    def test_the_status_tells_no_anonymous_reader_why(self, api, network):
        answer = api.get("/api/status")
        status = answer.json()
        assert (status["status"], status["services"]["database"]) == ("unhealthy", "unhealthy")
        assert status["flights"] == len(network)
        assert "127.0.0.1" not in answer.content.decode()

    @pytest.mark.parametrize(
        "path", ["flights/1", "flights/1/track", "flights/history", "search?q=XA", "vatsim/ratings",
                 "flights?at=2026-03-01T12:00:00Z"],
    )  # fmt: skip
    def test_history_is_unavailable(self, api, network, path):
        answer = api.get(f"/api/{path}")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "unavailable"


def test_without_both_what_was_read_last_goes_on(
    transactional_db, api, replayed_network, *, redis_away, request, monkeypatch
):
    before = api.get(FLIGHTS)
    monkeypatch.setattr(current, "KEPT_S", 0.0)
    request.getfixturevalue("postgres_away")
    assert api.get(FLIGHTS).content == before.content
    assert api.get(POSITIONS).status_code == 503
