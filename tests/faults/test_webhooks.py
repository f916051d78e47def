"""Receivers of webhooks that hang or answer 500: only they go without, and their breakers open."""

from collections import Counter
from collections.abc import Callable

import msgspec

from monitoring.errors.breaker_policy import Condition
from monitoring.errors.breaker_store import KEY
from monitoring.events.webhooks import new_secret
from tests.faults.conftest import Install, Note
from tests.faults.feed import STEP
from tests.faults.installation import Installation
from tests.faults.scale import shortened
from tests.hostile_server import HostileServer, reply, send_then_hold

TYPE = "DATA_STORED"  # one for each feed
FEEDS = 6
ATTEMPTS = 5


def test_a_receiver_that_is_broken_costs_nobody_else_an_event(install: Install, note: Note) -> None:
    answers = {
        "/well": reply(b"", "204 No Content"),
        "/broken": reply(b"", "500 Broken"),
        "/hangs": send_then_hold(b""),
    }
    with HostileServer(answers) as server:
        site = install(
            WEBHOOK_ALLOWED_HOSTS="127.0.0.1",
            WEBHOOK_TIMEOUT=str(shortened(10)),
            EVENT_BUS_RETRY_SECONDS="0.1",
        )
        names = {path: _subscribe(site, server.url(path)) for path in answers}
        site.start("collecting", "events")
        site.collect()
        # Five attempts for the one event there is: a dead letter, and five failures in a row.
        took_s = site.seconds_until(
            _delivering(site, lambda: _statuses(site, names["/hangs"]) == {"dead": 1}),
            shortened(120) + 20,
            "the event to the one that hangs is a dead letter",
        )
        site.wait_for(
            _delivering(site, lambda: _statuses(site, names["/broken"]) == {"dead": 1}),
            shortened(120) + 20,
            "the event to the broken one is a dead letter",
        )
        assert {path: _state(site, name) for path, name in names.items()} == {
            "/well": "CLOSED",
            "/broken": "OPEN",
            "/hangs": "OPEN",
        }
        site.fill([site.feed.at + STEP * number for number in range(1, FEEDS)])
        site.flush()
        behind_s = site.seconds_until(
            _delivering(site, lambda: _statuses(site, names["/well"]) == {"done": FEEDS}),
            shortened(60) + 10,
            "the one that is well has every event",
        )
        paths = Counter(request.split(" ")[1] for request in server.requests)
        assert paths["/well"] == FEEDS
        # What opened them, and few probes.
        assert ATTEMPTS <= paths["/broken"] <= ATTEMPTS + 3
        assert ATTEMPTS <= paths["/hangs"] <= ATTEMPTS + 3
        assert _statuses(site, names["/broken"])["pending"] > 0
    note(
        f"webhooks: a dead letter after {took_s:.1f} s; others had every event {behind_s:.1f} s on"
    )


def _subscribe(site: Installation, url: str) -> str:
    """The name of a new subscription's handler."""
    ((pk,),) = site.query(
        "INSERT INTO monitoring_webhooksubscription"
        " (name, url, secret, types, is_active, created_at)"
        " VALUES (%s, %s, %s, %s, true, now()) RETURNING id",
        *(url, url, new_secret(), [TYPE]),
    )
    return f"webhook:{pk}"


def _delivering(site: Installation, condition: Callable[[], bool]) -> Callable[[], bool]:
    """A condition, before which what is due is delivered, as beat has it done."""

    def check() -> bool:
        site.pass_time(0.3)
        site.wake("monitoring.tasks.dispatch_events", "events")
        return condition()

    return check


def _statuses(site: Installation, handler: str) -> dict[str, int]:
    return dict(
        site.query(
            "SELECT status, count(*) FROM monitoring_delivery WHERE handler = %s GROUP BY status",
            handler,
        )
    )


def _state(site: Installation, handler: str) -> str:
    stored = site._broker.hget(KEY, f"handler:{handler}")
    return msgspec.json.decode(stored, type=Condition).state
