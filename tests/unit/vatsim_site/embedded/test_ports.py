import os
import socket
from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured

from vatsim_site.embedded import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_its_holder(taken: int) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^PORT {taken} is in use by .*{os.getpid()}"):
        ports.require_free("127.0.0.1", taken)


def test_a_free_port_is_accepted() -> None:
    ports.require_free("127.0.0.1", ports.choose_free())


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^HOST: can't listen on 192\.0\.2\.1"):
        ports.require_free("192.0.2.1", ports.choose_free())


def test_another_port_stands_in_for_a_taken_one(taken: int) -> None:
    assert ports.choose_free(taken) != taken


def test_a_wanted_port_that_is_free_is_chosen() -> None:
    wanted = ports.choose_free()
    assert ports.choose_free(wanted) == wanted


def test_no_outgoing_connection_can_take_a_chosen_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        outgoing = socket.create_connection(server.getsockname())
        with outgoing:
            given = outgoing.getsockname()[1]
    assert all(ports.choose_free() < 32_000 < given for _ in range(20))
