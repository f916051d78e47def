from collector.counts import count
from tests.unit.collector.factories import (
    AtisJson,
    ControllerJson,
    PilotJson,
    PrefileJson,
    ServerJson,
    parsed,
)


def test_a_feed_is_counted_by_kind():
    feed = parsed(
        PilotJson.build_batch(3),
        controllers=[
            ControllerJson(),
            ControllerJson(callsign="EDDF_OBS", facility=0),
            ControllerJson(callsign="XX_SUP", facility=0),
        ],
        atis=[AtisJson()],
        prefiles=PrefileJson.build_batch(2),
    )
    assert count(feed) == {
        "connected_clients": 7,
        "unique_users": 7,
        "pilots": 3,
        "controllers": 1,
        "observers": 2,
        "atis": 1,
        "prefiles": 2,
        "servers": [],
    }


def test_an_atis_among_the_controllers_is_not_counted_as_one():
    feed = parsed(controllers=[ControllerJson(callsign="EDDF_ATIS")])
    assert (count(feed)["controllers"], count(feed)["observers"]) == (0, 1)


def test_each_server_has_its_clients():
    feed = parsed(
        [PilotJson(server="A"), PilotJson(server="B"), PilotJson(server="elsewhere")],
        controllers=[ControllerJson(server="A")],
        atis=[AtisJson(server="A")],
        servers=[ServerJson(ident=ident) for ident in "ABC"],
    )
    clients = {server["ident"]: server["clients"] for server in count(feed)["servers"]}
    assert clients == {"A": 3, "B": 1, "C": 0}


def test_the_texts_of_servers_are_cleaned_and_cut():
    feed = parsed(servers=[ServerJson(ident="I\x00" * 500, name="N" * 500, location="L" * 500)])
    [server] = count(feed)["servers"]
    assert [len(server[key]) for key in ("ident", "name", "location")] == [40, 100, 100]
    assert "\x00" not in server["ident"]
