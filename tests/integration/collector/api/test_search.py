import pytest

from collector.models import ControllerSession, Flight
from collector.privacy import pseudonym

pytestmark = pytest.mark.usefixtures("replayed_network")


def search(client, q: str) -> dict:
    return client.get("/api/search", {"q": q}).json()


def test_a_beginning_finds_flights_and_controllers(api):
    flight = Flight.objects.first()
    found = search(api, flight.callsign[:3].lower())
    expected = Flight.objects.filter(callsign__startswith=flight.callsign[:3])
    assert {row["id"] for row in found["flights"]} == set(expected.values_list("id", flat=True))
    session = ControllerSession.objects.controllers().filter(status="active").first()
    controllers = search(api, session.callsign)["controllers"]
    assert session.pk in {row["id"] for row in controllers}


def test_only_staff_find_members(api, signed_in):
    flight = Flight.objects.first()
    assert search(api, str(flight.cid))["flights"] == []
    found = search(signed_in("viewer"), str(flight.cid))["flights"]
    assert [(row["id"], row["cid"]) for row in found] == [(flight.pk, flight.cid)]
    assert search(api, flight.callsign)["flights"][0]["cid"] == pseudonym(flight.cid)


@pytest.mark.parametrize("q", ["", " ", "x", "y" * 30, "\0ab"])
def test_what_can_not_be_searched_is_400(api, q):
    assert api.get("/api/search", {"q": q}).status_code == 400


@pytest.mark.parametrize("q", ["%%", "__", "' OR 1=1", "😀😀", "9" * 20, "²²²"])
def test_odd_texts_find_nothing(signed_in, q):
    assert search(signed_in("viewer"), q) == {"query": q, "flights": [], "controllers": []}
