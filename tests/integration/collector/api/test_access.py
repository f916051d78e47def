import pytest
from constance import config
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from collector.models import ControllerSession, Flight
from tests.integration.collector.api.state import forget

SPAN = "from=2026-03-01T12:00:00Z&to=2026-03-01T12:10:00Z"
PUBLIC = (
    "status", "network/status", "vatsim/ratings", "flights", "flights/history",
    f"flights/window?{SPAN}", "flights/by-callsign/{flight}", "flights/{id}", "flights/{id}/track",
    "flights/{id}/stats", "atc-positions", "atc-positions/by-controller-id",
    "atc-positions/{station}/sessions", "search?q=XA",
)  # fmt: skip
STAFF = ("flights/memory", f"exports/positions?{SPAN}")


@pytest.fixture
def address(replayed_network):
    flight, session = Flight.objects.first(), ControllerSession.objects.first()

    def address(path: str) -> str:
        named = {"{id}": flight.pk, "{flight}": flight.callsign, "{station}": session.callsign}
        for name, value in named.items():
            path = path.replace(name, str(value))
        return f"/api/{path}"

    return address


@pytest.mark.parametrize("path", PUBLIC)
def test_the_public_reads_it_unless_that_is_closed(api, signed_in, address, path):
    assert api.get(address(path)).status_code == 200
    config.PUBLIC_API = False
    forget()
    assert api.get(address(path)).status_code == 401
    assert signed_in("viewer").get(address(path)).status_code == 200


@pytest.mark.parametrize("path", STAFF)
def test_staff_alone_read_it(api, address, signed_in, *, make_user, make_token, path):
    assert api.get(address(path)).status_code == 401
    _, secret = make_token(make_user("nobody"))
    nobody = type(api)(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert nobody.get(address(path)).status_code == 403
    assert signed_in("viewer").get(address(path)).status_code == 200


@pytest.mark.parametrize("path", PUBLIC + STAFF)
def test_nobody_writes(signed_in, address, path):
    client = signed_in("administrator")
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(address(path)).status_code in {403, 405}


@pytest.mark.parametrize("path", PUBLIC + STAFF)
def test_it_has_a_page_in_the_browsable_api(browser, address, path):
    page = browser.get(address(path), HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", PUBLIC + STAFF)
def test_an_unknown_parameter_is_400(browser, address, path):
    answer = browser.get(f"{address(path)}{'&' if '?' in path else '?'}surprise=1")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"surprise": ["Unknown parameter."]}


@pytest.mark.parametrize("path", PUBLIC)
def test_a_trailing_slash_makes_no_difference(api, address, path):
    path, _, query = address(path).partition("?")
    assert api.get(f"{path}/?{query}").status_code == 200


def test_the_schema_is_complete(db):
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        schema = SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS
    validate_schema(schema)
    paths = {path.removeprefix("/api/") for path in schema["paths"]}
    assert {"flights", "flights/{id}/track", "atc-positions/{callsign}/sessions"} <= paths
