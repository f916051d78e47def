"""The embedded servers, as `make run` and the tests start them."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis

from vatsim_site.embedded.servers import RunningServer, start_postgres, start_valkey


@pytest.fixture
def folder(open_folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=open_folder) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def postgres(folder: Path) -> Iterator[RunningServer]:
    server = start_postgres(folder)
    yield server
    server.stop()


@pytest.fixture
def valkey(folder: Path) -> Iterator[RunningServer]:
    server = start_valkey(folder, durable=True)
    yield server
    server.stop()


def test_postgres_keeps_what_was_committed_when_it_is_killed(postgres: RunningServer) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    postgres.kill()
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (1,)


def test_postgres_ends_though_a_client_is_connected(postgres: RunningServer) -> None:
    with psycopg.connect(postgres.url):
        postgres.stop(timeout_s=5)
        assert not postgres.server.answers()
    log = postgres._log.read_text()
    assert "fast shutdown" in log


def test_postgres_asks_for_the_password_and_listens_on_no_port(postgres: RunningServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url.replace(":local@", ":wrong@"))
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_postgres_and_its_password_leave_no_file_readable_by_others(
    postgres: RunningServer, folder: Path
) -> None:
    assert not (folder / "sockets" / "password").exists()
    assert (folder / "sockets").stat().st_mode & 0o777 == 0o700
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o700


def test_valkey_keeps_everything_and_evicts_nothing(valkey: RunningServer) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "1")
        settings = client.config_get("appendonly", "maxmemory-policy", "bind")
    assert settings == {
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }
    valkey.stop()
    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"1"


def test_valkey_asks_for_the_password_and_does_not_show_it(valkey: RunningServer) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(valkey.url.replace(":local@", ":wrong@")).ping()
    listed = subprocess.run(["/bin/ps", "axww"], capture_output=True, text=True, check=True)
    assert "requirepass" not in listed.stdout
    assert Path(valkey.server.command[1]).stat().st_mode & 0o777 == 0o600


def test_a_server_that_can_not_start_says_why(valkey: RunningServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = RunningServer(replace(valkey.server, port=port), valkey._log)
        with pytest.raises(Exception, match="Address already in use"):
            second.start()
