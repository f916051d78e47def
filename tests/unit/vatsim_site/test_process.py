"""The entry of the container image."""

import os
from typing import Any

import pytest

from vatsim_site import process


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command))
    monkeypatch.setenv("PROCESS_NAME", "")
    return commands


def test_a_container_becomes_the_process_it_is_told(became: list[tuple[str, ...]]) -> None:
    process.main("web")
    assert "granian" in became[0]
    assert os.environ["PROCESS_NAME"] == "web"


def test_the_set_up_is_a_process_too(became: list[tuple[str, ...]]) -> None:
    process.main("prepare")
    assert became[0][1:] == ("manage.py", "prepare")


def test_an_unknown_process_is_refused_with_those_there_are(became: Any) -> None:
    with pytest.raises(SystemExit, match=r"no process 'wed'.*web"):
        process.main("wed")
    assert not became
