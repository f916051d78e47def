"""The feed over real HTTP, sound and broken."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic
from typing import Any

import pytest
import urllib3
import zstandard

from collector.simulation.faults import KINDS, parse_fault
from collector.simulation.network import Network
from collector.simulation.server import FeedServer

DATA, TRANSCEIVERS = "/v3/vatsim-data.json", "/v3/transceivers-data.json"
NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)


class Clock:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(seconds=3)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Client:
    """Asks one feed server."""

    def __init__(self, server: FeedServer) -> None:
        self.server = server
        self._http = urllib3.PoolManager(retries=False, timeout=5)

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        return self._http.request(
            "GET", self.server.address + path, headers=headers, decode_content=False
        )

    def feed(self) -> dict[str, Any]:
        return json.loads(self.get(DATA).data)

    def break_feed(self, *faults: str) -> urllib3.BaseHTTPResponse:
        return self._http.request(
            "POST", f"{self.server.address}/faults", json={"faults": list(faults)}
        )


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(aircraft=60)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(network: Network, clock: Clock) -> Iterator[Client]:
    server = FeedServer(network, now=clock)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client = Client(server)
    yield client
    client._http.clear()
    server.shutdown()
    thread.join()
    server.close()


class TestSound:
    def test_status_file_leads_to_both_files(self, client: Client, network: Network) -> None:
        addresses = json.loads(client.get("/status.json").data)["data"]
        assert addresses["v3"] == [client.server.address + DATA]
        assert addresses["transceivers"] == [client.server.address + TRANSCEIVERS]
        assert client.get(DATA).data == network.data(NOON)
        assert client.get(TRANSCEIVERS).data == network.transceivers(NOON)

    def test_feeds_change_every_15_seconds(self, client: Client, clock: Clock) -> None:
        first = client.get(DATA).data
        clock.advance(11)
        assert client.get(DATA).data == first
        clock.advance(1)
        assert client.feed()["general"]["update"] == "20251103120015"

    def test_bodies_are_compressed_as_asked_for(self, client: Client, network: Network) -> None:
        packed = client.get(DATA, **{"Accept-Encoding": "gzip, deflate"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == network.data(NOON)
        packed = client.get(DATA, **{"Accept-Encoding": "gzip;q=0.8, zstd"})
        assert packed.headers["Content-Encoding"] == "zstd"
        assert zstandard.ZstdDecompressor().decompress(packed.data) == network.data(NOON)

    def test_other_paths_are_not_found(self, client: Client) -> None:
        assert client.get("/v3/other.json").status == 404

    def test_it_listens_on_loopback_only(self, client: Client) -> None:
        assert client.server.server_address[0] == "127.0.0.1"


class TestBroken:
    def test_stale_repeats_the_feed_until_switched_off(self, client: Client, clock: Clock) -> None:
        client.break_feed("stale")
        first = client.get(DATA).data
        clock.advance(120)
        assert client.get(DATA).data == first
        client.break_feed()
        assert client.feed()["general"]["update"] == "20251103120200"

    @pytest.mark.parametrize(
        ("fault", "update"), [("older=600", "20251103115000"), ("future=600", "20251103121000")]
    )
    def test_the_time_is_shifted(self, client: Client, fault: str, update: str) -> None:
        client.break_feed(fault)
        assert client.feed()["general"]["update"] == update

    def test_truncated_sends_a_part_of_the_body(self, client: Client, network: Network) -> None:
        client.break_feed("truncated=0.25")
        whole = network.data(NOON)
        assert client.get(DATA).data == whole[: len(whole) // 4]
        packed = client.get(DATA, **{"Accept-Encoding": "gzip"})
        assert gzip.decompress(packed.data) == whole[: len(whole) // 4]

    def test_cut_off_closes_the_connection_half_way(self, client: Client) -> None:
        client.break_feed("cut_off")
        with pytest.raises(urllib3.exceptions.ProtocolError):
            client.get(DATA)

    def test_empty_sends_nothing(self, client: Client) -> None:
        client.break_feed("empty")
        answer = client.get(DATA)
        assert (answer.status, answer.data) == (200, b"")

    def test_html_sends_a_page(self, client: Client) -> None:
        client.break_feed("html")
        answer = client.get(DATA)
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.data.startswith(b"<!doctype html>")

    @pytest.mark.parametrize(("fault", "status"), [("status", 500), ("status=429", 429)])
    def test_status_answers_an_error(self, client: Client, fault: str, status: int) -> None:
        client.break_feed(fault)
        assert client.get(DATA).status == status

    def test_slow_waits_before_the_answer(self, client: Client) -> None:
        client.break_feed("slow=0.3")
        start = monotonic()
        client.get(DATA)
        assert monotonic() - start >= 0.3

    def test_trickle_sends_a_few_bytes_at_a_time(self, client: Client) -> None:
        client.break_feed("trickle=40")
        connection = http.client.HTTPConnection(*client.server.server_address)
        connection.request("GET", DATA)
        body = connection.getresponse()
        start = monotonic()
        assert len(body.read(30)) == 30
        assert monotonic() - start >= 0.4
        connection.close()

    def test_bad_records_damage_some_pilots_only(self, client: Client, network: Network) -> None:
        sound = json.loads(network.data(NOON))["pilots"]
        client.break_feed("bad_records=5")
        broken = client.feed()["pilots"]
        assert sum(one != other for one, other in zip(sound, broken, strict=True)) == 5
        assert broken[0]["cid"] == "not a number"
        client.break_feed("bad_records=0.5")
        broken = client.feed()["pilots"]
        damaged = sum(one != other for one, other in zip(sound, broken, strict=True))
        assert damaged == round(len(sound) / 2)

    def test_duplicated_repeats_pilots_with_an_older_state(self, client: Client) -> None:
        client.break_feed("duplicated=3")
        feed = client.feed()
        again = {pilot["callsign"]: pilot for pilot in feed["pilots"][-3:]}
        first = {pilot["callsign"]: pilot for pilot in feed["pilots"][:3]}
        assert first.keys() == again.keys()
        assert all(first[name]["last_updated"] >= again[name]["last_updated"] for name in first)

    def test_missing_leaves_pilots_out_and_counts_right(self, client: Client) -> None:
        whole = client.feed()
        client.break_feed("missing=0.5")
        feed = client.feed()
        gone = len(whole["pilots"]) - len(feed["pilots"])
        assert gone == round(len(whole["pilots"]) / 2)
        counts = [body["general"]["connected_clients"] for body in (whole, feed)]
        assert counts[0] - counts[1] == gone

    def test_a_fault_may_concern_one_file(self, client: Client) -> None:
        client.break_feed("transceivers:status=503")
        assert client.get(TRANSCEIVERS).status == 503
        assert client.get(DATA).status == 200

    def test_faults_work_together_in_any_order(self, client: Client) -> None:
        client.break_feed("truncated=0.9", "duplicated=10", "older=15")
        assert client.get(DATA).data.startswith(b'{"general":{"version":3')
        assert b"20251103115945" in client.get(DATA).data[:100]

    def test_wrong_faults_are_refused_with_a_sentence(self, client: Client) -> None:
        client.break_feed("slow=0")
        answer = client.break_feed("nonsense")
        assert answer.status == 400
        assert "there is no such fault" in answer.json()["detail"]
        assert json.loads(client.get("/faults").data) == {"faults": ["slow=0"]}

    def test_a_form_of_a_web_page_switches_nothing(self, client: Client) -> None:
        answer = urllib3.request(
            "POST", f"{client.server.address}/faults", fields={"faults": "empty"}
        )
        assert answer.status == 404
        assert client.server.faults == ()


class TestFaultText:
    @pytest.mark.parametrize("name", KINDS)
    def test_each_fault_reads_back_what_it_writes(self, name: str) -> None:
        fault = parse_fault(name)
        assert parse_fault(str(fault)) == fault

    @pytest.mark.parametrize(
        "text", ["", "slow=x", "slow=nan", "slow=-1", "atis:slow", "status=200"]
    )
    def test_wrong_text_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"fault|amount"):
            parse_fault(text)


def test_a_client_that_hangs_up_leaves_no_trace(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    client.break_feed("slow=0.2")
    with socket.create_connection(client.server.server_address) as connection:
        connection.sendall(f"GET {DATA} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    client.break_feed()
    client.get(DATA)
    assert "Traceback" not in capfd.readouterr().err
