from types import SimpleNamespace

import pytest

from vatsim_site.embedded.processes import Feed, Flower, Program, site_programs

SETTINGS = SimpleNamespace(
    BASE_DIR="/srv/site",
    HOST="127.0.0.1",
    PORT=8000,
    WEB_THREADS=8,
    COLLECTING_WORKERS=2,
    EVENTS_WORKERS=2,
    SERVICE_MAX_WORKERS=3,
    FEED="/data/feeds of 2021",
    FEED_SPEED=2.5,
    SIMULATION_AIRCRAFT=50,
)
FLOWER = Flower(5555, "secret")


def programs(source: str) -> dict[str, Program]:
    return {each.name: each for each in site_programs(SETTINGS, Feed(source, 4000), FLOWER)}


def value_after(option: str, command: tuple[str, ...]) -> str:
    return command[command.index(option) + 1]


@pytest.mark.parametrize(
    ("source", "extra"), [("live", set()), ("simulated", {"feed"}), ("recorded", {"replay"})]
)
def test_the_site_has_its_processes_and_what_feeds_them(source: str, extra: set[str]) -> None:
    workers = {"collecting", "events", "general"}
    assert set(programs(source)) == workers | {"web", "beat", "flower"} | extra


def test_every_process_knows_its_name() -> None:
    for name, program in programs("simulated").items():
        assert program.environment["PROCESS_NAME"] == name


def test_the_simulated_feed_has_the_size_that_was_set() -> None:
    assert value_after("--aircraft", programs("simulated")["feed"].command) == "50"


def test_only_with_a_simulated_feed_are_the_processes_sent_to_it() -> None:
    assert (
        programs("simulated")["collecting"]
        .environment["VATSIM_API_URL"]
        .startswith("http://127.0.0.1:4000/")
    )
    assert "VATSIM_API_URL" not in programs("live")["collecting"].environment


def test_each_worker_serves_its_own_queue_with_its_own_processes() -> None:
    workers = programs("live")
    collecting, general = workers["collecting"].command, workers["general"].command
    assert value_after("--queues", collecting) == "collecting"
    assert value_after("--concurrency", collecting) == "2"
    assert value_after("--queues", general) == "general"
    assert value_after("--concurrency", general) == "3"


def test_a_replay_goes_through_the_folder_at_its_speed_and_then_ends() -> None:
    replay = programs("recorded")["replay"]
    assert replay.command[-4:] == ("replay", "/data/feeds of 2021", "--speed", "2.5")
    assert replay.ends_by_itself


def test_recorded_feeds_that_were_played_before_are_not_played_again_without_their_folder() -> None:
    settings = SimpleNamespace(**vars(SETTINGS) | {"FEED": "auto"})
    names = {each.name for each in site_programs(settings, Feed("recorded"), FLOWER)}
    assert "replay" not in names


def test_no_password_stands_in_a_command() -> None:
    for program in programs("simulated").values():
        assert "secret" not in " ".join(program.command)


def test_flower_listens_on_loopback_and_asks_for_a_password() -> None:
    environment = programs("live")["flower"].environment
    assert environment["FLOWER_ADDRESS"] == "127.0.0.1"
    assert environment["FLOWER_BASIC_AUTH"] == "flower:secret"
