"""Every process of the site says that it begins and, when it is asked to end, that it ends."""

from tests.faults.conftest import Install

NAMES = {"web", "beat", "events@localhost"}
BEGAN, ENDED = "SERVICE_STARTED", "SERVICE_STOPPED"


def test_processes_announce_their_begin_and_their_end(install: Install) -> None:
    site = install()

    def announced(type_name: str) -> set[str]:
        rows = site.query("SELECT subject FROM monitoring_event WHERE type = %s", type_name)
        return {subject for (subject,) in rows}

    site.start("web", "beat", "events")
    site.wait_for(lambda: announced(BEGAN) == NAMES, 20, "all say that they began")
    assert not announced(ENDED)
    for name in ("web", "beat", "events"):
        site.processes[name].ask_to_end()
    site.wait_for(lambda: announced(ENDED) == NAMES, 20, "all say that they ended")
