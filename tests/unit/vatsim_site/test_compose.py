"""docker-compose.yml names only variables that something reads."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from vatsim_site.embedded.processes import site_commands
from vatsim_site.environment import Environment

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SITE = {
    name: service
    for name, service in COMPOSE["services"].items()
    if service["image"] == "vatsim-data-collection"
}
# Flower reads each of its options from a variable of this kind.
FLOWERS_OWN = re.compile(r"FLOWER_[A-Z_]+")


@pytest.fixture
def read_by_settings(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names: set[str] = set()
    original = Environment.text

    def text(self: Environment, name: str, default: str = "") -> str:
        names.add(name)
        return original(self, name, default)

    monkeypatch.setattr(Environment, "text", text)
    runpy.run_path(str(ROOT / "vatsim_site" / "settings.py"))
    return names


def test_the_settings_read_every_variable_that_the_file_takes(read_by_settings: set[str]) -> None:
    taken = set(re.findall(r"(?<!\$)\$\{?([A-Z_]+)", TEXT))
    assert taken
    assert not {name for name in taken - read_by_settings if not FLOWERS_OWN.fullmatch(name)}


@pytest.mark.parametrize("name", SITE)
def test_the_settings_read_every_variable_of_a_service(
    read_by_settings: set[str], name: str
) -> None:
    given = set(SITE[name]["environment"])
    assert not {each for each in given - read_by_settings if not FLOWERS_OWN.fullmatch(each)}


def test_every_process_of_the_site_is_a_service(settings: Any) -> None:
    assert {*site_commands(settings), "prepare"} == {
        service["command"][0] for service in SITE.values()
    }


def test_no_secret_has_a_value_in_the_file() -> None:
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY|AUTH", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.*\}", value), name


def test_every_service_that_listens_is_asked_for_its_health() -> None:
    silent = {name for name, each in COMPOSE["services"].items() if "healthcheck" not in each}
    assert silent == {"prepare", "beat"}


def test_the_broker_keeps_everything() -> None:
    command = " ".join(COMPOSE["services"]["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_image_does_not_run_as_root() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER vatsim"]
